// A program that talks to a node over HTTP and believes nothing that it cannot verify. It is of the kind that a bundler
// puts into a web page: it uses nothing of Node.js. A strict project compiles it with `"moduleResolution": "bundler"`.
import { type Author, bundledCrypto, checkProof, examineProof } from 'diotec360-lattice/audit';
import { createClient, LatticeError, LatticeProblem, type RemoteChange } from 'diotec360-lattice/client';

/** Reads a key of the node at `url`, with a proof that is checked here, and says line by line what came of it. */
export async function look(url: string, publicKey: string, log: (line: string) => void): Promise<void> {
  const client = createClient({ url, timeoutMs: 10_000 });
  const trusted = [publicKey as Author];

  // The text as it came: a verifier reads every character of it.
  const document = await client.getProofText('other', { signal: AbortSignal.timeout(10_000) });
  const proven = await checkProof(document, { trusted, key: 'other' });
  log(`proven ${proven.key} ${JSON.stringify(proven.value)}`);
  const { checks } = await examineProof(document, { ...bundledCrypto(), trusted, asked: { key: 'another' } });
  log(`examined ${checks.find(({ result }) => result === 'failed')?.check}`);

  // Streams end by `break`, `await using` or their signal; nothing of them is left open.
  const changes: RemoteChange[] = [];
  {
    await using stream = client.changes({ prefix: 'orders/', after: 'of another store' });
    try {
      for await (const change of stream) changes.push(change);
    } catch (error) {
      log(`changes ${error instanceof LatticeError ? error.code : String(error)}`);
    }
  }
  const stop = new AbortController();
  const events = client.events({ signal: stop.signal, onOpen: () => stop.abort() });
  for await (const event of events) log(`unexpected ${event.type}`);
  for await (const entry of client.entries({ prefix: 'orders/' })) log(`entry ${entry.key}`);

  // Content of the vault is verified here while it comes, so that nobody has to trust the node for it.
  for await (const object of client.vault.objects()) {
    const content = await client.vault.get(object.hash);
    log(`content ${object.name} ${(await content.bytes()).length}`);
  }

  // What a node refuses has the node's own code.
  try {
    await client.putEntry('other', 5);
  } catch (error) {
    if (!(error instanceof LatticeProblem)) throw error;
    log(`refused ${error.status} ${error.code}`);
  }
  log(`verdict ${(await client.getStatus()).verdict.kind}`);
}
