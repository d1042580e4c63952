import { describe, expect, it } from 'vitest';
import { CONTRACT, ENTITIES } from '../../../../src/api/contract/index.ts';
import { lateValidators } from '../../../../src/api/http/validators.ts';

const OPTIONS = { customOptions: { allErrors: true, coerceTypes: false } } as const;

describe('validators that compile when they are needed', () => {
  it('a schema is read by the first request, and once', () => {
    let reads = 0;
    const schema = {
      get type() {
        reads += 1;
        return 'integer';
      },
    };
    // What Fastify calls with: the description of a route, whose schema is compiled.
    const route = lateValidators()({}, OPTIONS)({ schema });
    expect(reads).toBe(0);
    expect([route(1), route('1'), route(2)]).toEqual([true, false, true]);
    const compiled = reads;
    expect(compiled).toBeGreaterThan(0);
    expect(route(3)).toBe(true);
    expect(reads).toBe(compiled);
  });

  it('says what was wrong with what was checked last, as Ajv does', () => {
    const check = lateValidators()({}, OPTIONS)({
      schema: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } },
    });
    expect(check({ a: 1, b: 2 })).toBe(false);
    expect(check.errors?.map(({ instancePath }) => instancePath)).toEqual(['/a', '/b']);
    expect(check({ a: 'x' })).toBe(true);
    expect(check.errors).toBeNull();
  });

  it('every schema of the contract is a valid one and compiles, which no server looks at any more', () => {
    const entities = Object.fromEntries(ENTITIES.map(({ id, schema }) => [id, schema]));
    const compile = lateValidators()(entities, { customOptions: { strict: false, validateSchema: true } });
    const parts = CONTRACT.flatMap(({ id, params, query, headers, body }) =>
      Object.entries({ params, query, headers, body })
        .filter(([, schema]) => schema !== undefined)
        .map(([part, schema]) => ({ id, part, schema })),
    );
    expect(parts.length).toBeGreaterThan(60);
    for (const { id, part, schema } of parts)
      expect(() => compile({ schema })(undefined), `${id}: ${part}`).not.toThrow();
  });

  it("names of headers are lower-case in the contract, as Node.js gives a request's", () => {
    const names = CONTRACT.flatMap(({ headers }) => Object.keys(headers?.properties ?? {}));
    expect(names).toContain('if-match');
    expect(names).toEqual(names.map((name) => name.toLowerCase()));
  });
});
