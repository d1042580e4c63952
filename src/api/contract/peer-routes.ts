import { Type } from 'typebox';
import { json, type RouteContract } from './describe.ts';
import { Differences, mode, Peer, PingResult, Verdict } from './node-entities.ts';

const { Array: List, Boolean: Bool, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

const url = Text({ minLength: 1, maxLength: 2048, description: 'Base URL of its API.' });
const multiaddr = Text({
  minLength: 1,
  maxLength: 1024,
  description: '/ip4|ip6|dns4|dns6|dns/HOST/tcp/PORT/…/p2p/PEERID.',
});
const operatorErrors = [400, 401, 421, 429] as const;

/** The routes of the peers, of repairs on demand, and of the mode. */
export const PEER_ROUTES: readonly RouteContract[] = [
  {
    method: 'GET',
    path: '/api/v1/peers',
    id: 'listPeers',
    tag: 'peers and sync',
    summary: 'Every peer, its lung and whether its root is ours',
    cost: 'read',
    answers: { 200: json('The peers.', Shape({ peers: List(Peer.ref) })) },
    errors: [421, 429],
    example: {},
  },
  {
    method: 'POST',
    path: '/api/v1/peers',
    id: 'addPeer',
    tag: 'peers and sync',
    summary: 'Add a peer by URL or multiaddr',
    description: 'It is kept across restarts. Trust is another matter: whose commits count is in the configuration.',
    token: true,
    cost: 'write',
    body: Shape(
      { url: Maybe(url), multiaddr: Maybe(multiaddr) },
      { additionalProperties: false, minProperties: 1, maxProperties: 1 },
    ),
    answers: {
      201: json('Added, or known already.', Shape({ url: Maybe(Text()), multiaddr: Maybe(Text()), added: Bool() })),
    },
    errors: [...operatorErrors, 409, 415, 503],
    example: { body: { url: 'http://127.0.0.1:9' } },
  },
  {
    method: 'DELETE',
    path: '/api/v1/peers',
    id: 'removePeer',
    tag: 'peers and sync',
    summary: 'Remove a peer that was added',
    token: true,
    cost: 'write',
    query: Shape({ url: Maybe(url), multiaddr: Maybe(multiaddr) }, { minProperties: 1, maxProperties: 1 }),
    answers: { 204: { description: 'Removed.' } },
    errors: [...operatorErrors, 404, 409, 503],
    example: { query: { url: 'http://127.0.0.1:9' } },
  },
  {
    method: 'POST',
    path: '/api/v1/peers/ping',
    id: 'pingPeer',
    tag: 'peers and sync',
    summary: 'Try a peer over each lung now',
    token: true,
    cost: 'costly',
    body: Shape(
      { peer: Text({ minLength: 1, maxLength: 2048, description: 'Peer id, author key, or URL of a known peer.' }) },
      { additionalProperties: false },
    ),
    answers: { 200: json('What came of it.', PingResult.ref) },
    errors: [...operatorErrors, 404, 415, 504],
    example: { body: { peer: 'http://127.0.0.1:9' } },
  },
  {
    method: 'GET',
    path: '/api/v1/peers/:peerId/differences',
    id: 'getDifferences',
    tag: 'peers and sync',
    summary: 'On which keys a peer and this node differ',
    description: 'Found with the peer by coded symbols, without sending values.',
    token: true,
    cost: 'costly',
    params: Shape({ peerId: Text({ description: 'Its peer id.' }) }),
    query: Shape({
      limit: Maybe(Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Keys in the answer.' })),
    }),
    answers: { 200: json('The keys.', Differences.ref) },
    errors: [...operatorErrors, 404, 503, 504],
    example: { params: { peerId: '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp' } },
  },
  {
    method: 'POST',
    path: '/api/v1/sync/now',
    id: 'syncNow',
    tag: 'peers and sync',
    summary: 'Compare and repair with every reachable peer now',
    token: true,
    cost: 'costly',
    answers: {
      200: json(
        'How it stands after it.',
        Shape({
          converged: Shape({ peers: Integer(), equal: Integer() }),
          verdict: Verdict.ref,
          peers: List(Peer.ref),
        }),
      ),
    },
    errors: [401, 421, 429, 504],
    example: {},
  },
  {
    method: 'POST',
    path: '/api/v1/sync/mode',
    id: 'setMode',
    tag: 'peers and sync',
    summary: 'Choose the lung by hand, or leave it to the node',
    token: true,
    cost: 'write',
    body: Shape(
      {
        mode,
        reason: Maybe(
          Text({
            minLength: 1,
            maxLength: 200,
            pattern: '^[^\\u0000-\\u001f\\u007f]+$',
            description: 'Stands in the transition.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
    answers: { 200: json('The mode now.', Shape({ changed: Bool(), mode, message: Text() })) },
    errors: [...operatorErrors, 415],
    example: { body: { mode: 'auto', reason: 'maintenance is over' } },
  },
];
