import { VERSION } from '../../app/version.ts';
import { connect, contextOf } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { readVariables } from '../env-file.ts';
import { EXIT } from '../exit-codes.ts';
import { type FleetOptions, fleetTable } from '../fleet-table.ts';
import { printable } from '../output.ts';

/** Tells the version of this program, and of the node where one is named. With --fleet it tells those of all nodes. */
export async function version(context: CliContext, options: FleetOptions): Promise<number> {
  const { output } = context;
  const own = { version: VERSION, node: process.version };
  if (options.fleet !== undefined) {
    if (!options.json) output.line(`lattice ${VERSION}, Node.js ${process.version}`);
    return await fleetTable(context, options, async (client) => await client.getStatus(), {
      columns: ['VERSION', 'PEER ID'],
      rows: (status) => [[printable(status.version), status.peerId]],
      data: (status) => ({ version: status.version, peerId: status.peerId }),
    });
  }
  if (!(await namesNode(context, options))) {
    if (options.json) output.data(own);
    else output.line(`lattice ${VERSION}, Node.js ${process.version}`);
    return EXIT.ok;
  }
  const client = await connect(context, options);
  if (!options.json) output.line(`lattice ${VERSION}, Node.js ${process.version}`);
  const { name, version: running, peerId } = await client.getStatus();
  if (options.json) output.data({ ...own, asked: { url: client.url, name, version: running, peerId } });
  else output.line(`${printable(name || peerId)} at ${client.url} runs ${printable(running)}`);
  return EXIT.ok;
}

/** Whether the user has named a node. Without that the version of this program needs none to answer. */
async function namesNode(context: CliContext, options: FleetOptions): Promise<boolean> {
  if ((options.url ?? options.envFile ?? readVariables(context, undefined)('URL')) !== undefined) return true;
  return (await contextOf(context, options)) !== undefined;
}
