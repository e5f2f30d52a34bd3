"""The policy as OpenFlow: N-1 permit and deny rules that the benchmark's packets do not match, then the one that
lets them in.  Shapes as in real security groups: 40 % source /24 to destination /32 and a port, 30 % /16 to /24 and
a port, 20 % any to /32 and a port, 10 % a /32 to anywhere.  Deterministic."""
import random

_PORTS = (22, 53, 80, 123, 443, 3306, 5432, 6379, 8080, 8443, 9092, 11211)
_TOP = 60000  # priority of the first rule; they fall evenly to 1


def _ends(shape, draw):
    a, b, c, d = draw(16, 31), draw(0, 255), draw(0, 255), draw(1, 254)
    e, f, g, h = draw(200, 250), draw(0, 255), draw(0, 255), draw(1, 254)
    if shape < .4:
        return f",nw_src=172.{a}.{b}.0/24,nw_dst=10.{e}.{f}.{g}"
    if shape < .7:
        return f",nw_src=172.{a}.0.0/16,nw_dst=10.{e}.{f}.0/24"
    if shape < .9:
        return f",nw_dst=10.{e}.{f}.{h}"
    return f",nw_src=172.{a}.{b}.{c % 254 + 1 if d == 0 else d}"


def _random_rule(chance, priority):
    shape = chance.random()
    port = chance.choice(_PORTS) if chance.random() < .6 else chance.randint(1024, 65535)
    protocol = chance.choice(("tcp", "tcp", "udp"))
    action = "ct(commit),2" if chance.random() < .8 else "drop"
    match = f"{protocol}{_ends(shape, chance.randint)}" + (f",tp_dst={port}" if shape < .9 else "")
    return f"table=1,priority={priority},ct_state=+trk+new,{match}", action


def policy(count):
    """The whole table: conntrack, the established, the rules, and drop."""
    yield "table=0,priority=100,ip,ct_state=-trk,actions=ct(table=1)"
    yield "table=0,priority=10,arp,actions=NORMAL"
    yield "table=1,priority=65000,ip,ct_state=+trk+est,in_port=1,actions=2"
    yield "table=1,priority=65000,ip,ct_state=+trk+est,in_port=2,actions=1"
    yield "table=1,priority=64999,ip,ct_state=+trk+inv,actions=drop"
    yield "table=1,priority=0,actions=drop"
    chance = random.Random(7)
    for i in range(count - 1):
        match, action = _random_rule(chance, _TOP - i * (_TOP - 10) // count)
        yield f"{match},actions={action}"
    for protocol in ("udp", "tcp"):
        yield (f"table=1,priority=5,ct_state=+trk+new,{protocol},nw_src=10.0.0.0/8,nw_dst=10.128.0.0/16,"
               "actions=ct(commit),2")


def changes(count):
    """The same rules as lines that add them and lines that take them away again."""
    chance = random.Random(11)
    rules = [_random_rule(chance, 3) for _ in range(count)]
    return ([f"add {match},actions={action}" for match, action in rules],
            [f"delete_strict {match}" for match, _ in rules])
