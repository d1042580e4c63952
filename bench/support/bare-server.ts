// The program of a process that shows what HTTP itself costs: Fastify with two routes, whose answers are about as long
// as those to a PUT and a GET of an entry. The first one parses a JSON body.
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
