// A node of PouchDB over LevelDB, replicated over HTTP from express-pouchdb. Nothing is signed, and LevelDB's default
// write does not wait for the disk.
import { createRequire } from 'node:module';
import { dumpOf, reach, serve, writeAll } from './child.mjs';

const require = createRequire(import.meta.url);
const PouchDB = require('pouchdb');

let db;
const fingerprint = async () => String((await db.info()).doc_count);

serve({
  open({ directory }) {
    db = new (PouchDB.defaults({ prefix: `${directory}/` }))('bench');
    return db.info();
  },
  async listen({ directory }) {
    const express = require('express');
    const app = express();
    const options = { mode: 'minimumForPouchDB', inMemoryConfig: true, logPath: `${directory}/http.log` };
    app.use('/', require('express-pouchdb')(PouchDB.defaults({ prefix: `${directory}/` }), options));
    const server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    return { port: server.address().port };
  },
  // The `live` replication goes on until the process ends.
  join({ port }) {
    db.replicate.from(`http://127.0.0.1:${port}/bench`, { live: true, retry: true });
  },
  write: (argument) => writeAll(argument, (key, value) => db.put({ _id: key, value })),
  fingerprint,
  reach: (argument) => reach(argument, fingerprint),
  async dump() {
    const { rows } = await db.allDocs({ include_docs: true });
    return dumpOf(rows.map(({ id, doc }) => [id, doc.value]));
  },
  close: () => db.close(),
});
