"""
kube - deploy/kubernetes on a real API server: a fact a line, then how many hold

The exit status is 0 when all of them do. Pods never run here: there is no scheduler and no kubelet.
"""

import sys

from support.go_tools import KUBERNETES, NoGo

from . import changes, mistakes, variants
from .facts import Facts
from .ground import VARIANTS, Ground, manual


def prove(ground, facts):
    with facts.that(f"Kubernetes {KUBERNETES} answers, and has the definitions of ScaledObject and PodMonitor"):
        ground.start()
        ground.define()
    if facts.broken:
        return
    for variant in VARIANTS:
        variants.prove(ground, facts, variant)
    changes.prove_configuration(ground, facts)
    changes.prove_keda(ground, facts)
    changes.prove_static(ground, facts)
    ground.say(manual())
    mistakes.prove(ground, facts)


def main():
    facts = Facts()
    try:
        ground = Ground()
    except NoGo as reason:
        print(f"cannot build an API server: {reason}", file=sys.stderr)
        return 2
    try:
        prove(ground, facts)
    finally:
        ground.close()
    print(f"{len(facts.held)} facts hold, {len(facts.broken)} do not")
    return 1 if facts.broken else 0


if __name__ == "__main__":
    sys.exit(main())
