/*
 * role_demo - `onced demo` and the broker process it starts
 *
 * Runs in: each of them.
 */
#include "demo/broker.h"
#include "demo/demo.h"
#include "os/proto.h"
#include "roles.h"

int role_demo(const struct args *args)
{
	return demo_run();
}

int role_embedded_broker(const struct args *args)
{
	return demo_broker_run(PROTO_FD_CHANNEL);
}
