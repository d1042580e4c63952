import { type Static, Type } from 'typebox';
import { json, mapOf, type RouteContract, word } from './describe.ts';
import { anyJson, hex64 } from './entities.ts';

const { Boolean: Bool, Integer, Object: Shape, Optional: Maybe, String: Text } = Type;

/** What the original counts of its files in a vault. */
export const CountedVault = Shape({
  root: Type.Union([hex64('The root of the vault as the original computes it.'), Type.Null()]),
  rows: Integer({ description: 'What the original counts: functions and bundles of code.' }),
  bundles: Integer({ description: 'Bundles of both kinds.' }),
  certificates: Integer(),
  notHere: Integer({ description: 'Files that are in the vault of the fleet, and not on this node.' }),
});

/** A bundle that a node has made. */
export const MadeBundle = Shape({
  hash: hex64('SHA-256 of the file, by which the vault names it.'),
  bundle: hex64('The hash of its code or of its function, by which the original names it.'),
  kind: word(['content-bundle', 'signed-bundle']),
  name: Text({ description: 'The file name that the original gives it.' }),
  created: Bool({ description: 'False when the vault had a bundle of this hash.' }),
});

export type CountedVault = Static<typeof CountedVault>;
export type MadeBundle = Static<typeof MadeBundle>;

/** The routes of the original's files in the vault that the original has no endpoint for. */
export const ORIGINAL_VAULT_ROUTES: readonly RouteContract[] = [
  {
    method: 'GET',
    path: '/api/v1/vault/original',
    id: 'vaultOriginal',
    tag: 'vault',
    summary: "Root and counts of the original's files in the vault",
    cost: 'read',
    answers: { 200: json('As the original counts.', CountedVault) },
    errors: [421, 429, 503, 504],
    example: {},
  },
  {
    method: 'POST',
    path: '/api/v1/vault/bundles',
    id: 'vaultBundle',
    tag: 'vault',
    summary: 'Make a bundle in the form of the original, signed by this node',
    description: 'Of code, or of a function whose entry is in the vault. The same bundle is made once.',
    token: true,
    access: 'write',
    cost: 'write',
    body: Type.Union([
      Shape(
        {
          code: Text({ description: 'The code.' }),
          metadata: Maybe(mapOf(anyJson, 'What the original keeps beside it, among it `intent_name`.')),
        },
        { additionalProperties: false },
      ),
      Shape({ function: hex64('The hash of a function.') }, { additionalProperties: false }),
    ]),
    answers: { 200: json('The vault had it.', MadeBundle), 201: json('It is in the vault.', MadeBundle) },
    errors: [400, 401, 404, 413, 415, 421, 422, 429, 503, 504, 507],
    example: { body: { code: 'intent greet(a)\n', metadata: { intent_name: 'greet' } } },
  },
];
