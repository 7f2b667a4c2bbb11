# Dockerfile - an image with onced and oncectl on Debian
#
#     docker build -t onced .                                  # Debian 12
#     docker build -t onced --build-arg BASE=debian:13-slim .  # Debian 13
#
# It runs as user 10001, wants nothing writable but /var/lib/onced and /run/onced (--read-only is fine with a volume
# there and a tmpfs here), needs no shell, and takes its configuration from /etc/onced.
ARG BASE=debian:12-slim

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        dpkg-dev gcc libc6-dev meson ninja-build pkg-config python3 librdkafka-dev libpq-dev libsqlite3-dev libhiredis-dev \
        libjansson-dev libsystemd-dev libmicrohttpd-dev libcurl4-openssl-dev libssl-dev
WORKDIR /src
COPY . .
# The last part writes down which packages have the libraries that the programs are linked with: their names are
# not the same in each Debian.
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN meson setup /build --prefix=/usr --sysconfdir=/etc --localstatedir=/var -Dtests=disabled -Dbuildtype=release -Dstrip=true \
    && ninja -C /build && DESTDIR=/out meson install -C /build --no-rebuild \
    && rm -rf /out/usr/include /out/usr/lib /out/usr/share/doc /out/usr/share/man \
    && mkdir -p /control/debian && cd /control && printf 'Source: onced\n\nPackage: onced\nArchitecture: any\n' >debian/control \
    && dpkg-shlibdeps -O -e/out/usr/sbin/onced -e/out/usr/bin/oncectl \
        | sed 's/^shlibs:Depends=//; s/ *([^)]*)//g; s/, */\n/g' >/packages

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="onced" \
      org.opencontainers.image.description="Kafka consumer daemon that applies each event once" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /packages /usr/share/onced/packages
RUN apt-get update \
    && xargs apt-get install -y --no-install-recommends ca-certificates </usr/share/onced/packages \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/onced --shell /usr/sbin/nologin onced \
    && install -d -o root -g onced -m 0750 /etc/onced \
    && install -d -o onced -g onced -m 0700 /var/lib/onced && install -d -o onced -g onced -m 0755 /run/onced
COPY --from=build /out /
# Proves that no library is missing.
RUN ["/usr/sbin/onced", "--version"]
RUN ["/usr/bin/oncectl", "--version"]
USER 10001:10001
STOPSIGNAL SIGTERM
VOLUME ["/var/lib/onced"]
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/bin/oncectl", "probe"]
ENTRYPOINT ["/usr/sbin/onced"]
CMD ["-c", "/etc/onced/onced.ini"]
