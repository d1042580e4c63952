// Fastify with two routes: one parses a JSON body, and both answer about as much as a PUT or a GET of an entry does:
// what HTTP itself costs. A process of its own.
import fastify from 'fastify';

const app = fastify({ logger: false });
app.put('/api/v1/state/:key', (request, reply) => {
  const { key } = request.params as { key: string };
  const hex = '0'.repeat(64);
  void reply
    .code(201)
    .send({ key, value: request.body, version: `${hex}.0`, author: hex, hlc: '0'.repeat(16), commit: hex, index: 0 });
});
app.get('/api/v1/state/:key', (request, reply) => {
  const { key } = request.params as { key: string };
  const hex = '0'.repeat(64);
  void reply.send({
    key,
    value: { n: 1, text: key },
    version: `${hex}.0`,
    author: hex,
    hlc: '0'.repeat(16),
    commit: hex,
    index: 0,
  });
});
await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
process.send?.(address === null || typeof address === 'string' ? 0 : address.port);
