# Dockerfile - an image with onced and oncectl on Debian
#
# docker build -t onced . ; BASE may be another Debian 12 or newer.
ARG BASE=debian:12-slim

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev meson ninja-build pkg-config python3 librdkafka-dev libpq-dev libsqlite3-dev libhiredis-dev libjansson-dev \
        libsystemd-dev libmicrohttpd-dev libcurl4-openssl-dev
COPY . /src
RUN meson setup /build /src --prefix=/usr -Dtests=disabled -Dbuildtype=release \
    && ninja -C /build && DESTDIR=/out meson install -C /build --no-rebuild

FROM ${BASE}
COPY --from=build /out /
# The libraries that the programs are linked with; the last line proves that none is missing.
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates librdkafka1 libpq5 libsqlite3-0 libhiredis0.14 libjansson4 libsystemd0 libmicrohttpd12 libcurl4 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin onced \
    && install -d -o onced -g onced -m 0700 /var/lib/onced && install -d -o onced -g onced -m 0755 /run/onced \
    && onced --version
USER 10001:10001
STOPSIGNAL SIGTERM
VOLUME /var/lib/onced
ENTRYPOINT ["/usr/sbin/onced"]
CMD ["-c", "/etc/onced/onced.ini"]
