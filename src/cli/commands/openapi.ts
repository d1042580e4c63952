import { connect } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type OutOptions, writeOut } from '../write-file.ts';

interface OpenapiDocument {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, unknown>>;
}

/** Prints the OpenAPI document of the node's API, or writes it to a file. */
export async function openapi(context: CliContext, options: OutOptions): Promise<number> {
  const client = await connect(context, options);
  const document = (await client.getOpenApi()) as unknown as OpenapiDocument;
  if (options.out === undefined) {
    if (options.json) context.output.data(document);
    else context.output.line(JSON.stringify(document, undefined, 2));
    return EXIT.ok;
  }
  const path = await writeOut(context, options.out, `${JSON.stringify(document, undefined, 2)}\n`, options.force);
  const summary = {
    file: path,
    openapi: document.openapi,
    version: document.info.version,
    paths: Object.keys(document.paths).length,
  };
  if (options.json) context.output.data(summary);
  else context.output.line(`${path}: OpenAPI ${summary.openapi}, ${summary.paths} paths of version ${summary.version}`);
  return EXIT.ok;
}
