/** Without /p2p: text, its one form, whether it is WebSocket, whether a node may listen there. */
export const ACCEPTED = [
  ['/ip4/192.0.2.1/tcp/9000', '/ip4/192.0.2.1/tcp/9000', false, true],
  ['/ip4/192.0.2.1/tcp/9000/ws', '/ip4/192.0.2.1/tcp/9000/ws', true, true],
  ['/ip6/::1/tcp/65535', '/ip6/::1/tcp/65535', false, true],
  ['/ip6/2001:DB8:0::1/tcp/1', '/ip6/2001:db8::1/tcp/1', false, true],
  ['/ip4/192.0.2.1/tcp/443/tls/ws', '/ip4/192.0.2.1/tcp/443/tls/ws', true, false],
  ['/ip6/::1/tcp/443/wss', '/ip6/::1/tcp/443/wss', true, false],
  ['/dns4/node.example.org/tcp/9000', '/dns4/node.example.org/tcp/9000', false, false],
  ['/dns4/Node.Example.org./tcp/9000', '/dns4/node.example.org/tcp/9000', false, false],
  ['/dns6/localhost/tcp/9000/ws', '/dns6/localhost/tcp/9000/ws', true, false],
  ['/dns/my_service.internal/tcp/443/tls/ws', '/dns/my_service.internal/tcp/443/tls/ws', true, false],
] as const;

/** What no address may be, whatever it is for: text without /p2p, the rule, the fix where it names the text. */
export const REFUSED = [
  ['9000', 'it is not a TCP multiaddr', undefined],
  ['/ip4/192.0.2.1/udp/9000/quic-v1', 'it is not a TCP multiaddr', undefined],
  ['/unix/socket', 'it is not a TCP multiaddr', undefined],
  ['/ip4/192.0.2.1/tcp/9000/', 'it is not a TCP multiaddr', undefined],
  ['/ip6zone/eth0/ip6/fe80::1/tcp/9000', 'it is not a TCP multiaddr', undefined],
  ['/ip4//tcp/9000', 'it is not a TCP multiaddr', undefined],
  ['/ip4/256.0.0.1/tcp/9000', '256.0.0.1 is not an IPv4 address', undefined],
  ['/ip4/01.2.3.4/tcp/9000', '01.2.3.4 is not an IPv4 address', undefined],
  ['/ip4/::1/tcp/9000', '::1 is an IPv6 address', 'write /ip6/::1/tcp/9000'],
  ['/ip4/a.example/tcp/9000', '/ip4 takes an IPv4 address, and a.example is a host name', 'write /dns4/a.example/'],
  ['/ip6/192.0.2.1/tcp/9000', '192.0.2.1 is an IPv4 address', 'write /ip4/192.0.2.1/'],
  ['/ip6/fe80::1%eth0/tcp/9000', 'fe80::1%eth0 is not an IPv6 address', undefined],
  ['/dns4/192.0.2.1/tcp/9000', '192.0.2.1 is an address, not a host name', 'write /ip4/192.0.2.1/'],
  ['/dns/::1/tcp/9000', '::1 is an address, not a host name', 'write /ip6/::1/'],
  ['/dns4/a..b/tcp/9000', 'a..b is not a host name', undefined],
  ['/dns4/a_b/tcp/9000', 'a_b is not a host name', undefined],
  ['/ip4/192.0.2.1/tcp/65536', '65536 is not a port', undefined],
  ['/ip4/192.0.2.1/tcp/080', '080 is not a port', undefined],
  ['/ip4/192.0.2.1/tcp/9000/tls', '/tls is not a transport of this node', undefined],
  ['/ip4/192.0.2.1/tcp/9000/ws/http-path/x', '/ws/http-path/x is not a transport of this node', undefined],
] as const;
