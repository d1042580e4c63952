import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { exists, namesIn, readDocument } from './support.ts';

const WORKFLOWS = '.github/workflows/';
const FORMS = '.github/ISSUE_TEMPLATE/';

/** The content of a YAML file, which has neither an error nor a warning. */
function yaml(path: string): unknown {
  const document = parseDocument(readDocument(path));
  expect([document.errors, document.warnings]).toEqual([[], []]);
  return document.toJS() as unknown;
}

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Workflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<
    Record<string, { readonly permissions?: unknown; readonly 'timeout-minutes'?: number; readonly steps: Step[] }>
  >;
}

describe.each(namesIn(WORKFLOWS))('workflow %s', (name) => {
  const { permissions, jobs } = yaml(WORKFLOWS + name) as Workflow;
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  it('may only read, and no job asks for more', () => {
    expect(permissions).toEqual({ contents: 'read' });
    expect(Object.values(jobs).filter((job) => job.permissions !== undefined)).toEqual([]);
  });

  it('ends every job that hangs', () => {
    for (const job of Object.values(jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0);
  });

  it('names every action by commit, with its version behind it', () => {
    const text = readDocument(WORKFLOWS + name);
    for (const uses of steps.flatMap((step) => step.uses ?? [])) {
      expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
      expect(text).toMatch(new RegExp(`${uses} # v\\d+\\.\\d+\\.\\d+$`, 'm'));
    }
  });

  it('leaves no token in the checkout, and puts nothing of a pull request into a shell', () => {
    for (const step of steps) {
      if (step.uses?.startsWith('actions/checkout@')) expect(step.with?.['persist-credentials']).toBe(false);
      expect(step.run ?? '').not.toContain('${{');
    }
  });
});

it('the hosted checks run what .ci/run does, on Node 20, with a cache of packages', () => {
  const { jobs } = yaml(`${WORKFLOWS}ci.yml`) as Workflow;
  const steps = Object.values(jobs).flatMap((job) => job.steps);
  const node = steps.find((step) => step.uses?.startsWith('actions/setup-node@'));
  expect(node?.with).toEqual({ 'node-version': 20, cache: 'npm' });
  const runs = steps.flatMap((step) => step.run ?? []);
  expect(runs).toEqual(['.ci/run']);
  expect(statSync(new URL('../../../.ci/run', import.meta.url)).mode & 0o111).not.toBe(0);
});

interface Field {
  readonly type: string;
  readonly id?: string;
  readonly attributes: { readonly label?: string; readonly value?: string; readonly options?: readonly unknown[] };
  readonly validations?: { readonly required?: unknown };
}

describe.each(namesIn(FORMS).filter((name) => name !== 'config.yml'))('issue form %s', (name) => {
  const form = yaml(FORMS + name) as { name?: unknown; description?: unknown; body: Field[] };

  it('has a name, a description and fields that the platform knows', () => {
    expect([typeof form.name, typeof form.description]).toEqual(['string', 'string']);
    for (const { type, attributes, validations } of form.body) {
      expect(['markdown', 'input', 'textarea', 'dropdown', 'checkboxes']).toContain(type);
      expect(typeof (type === 'markdown' ? attributes.value : attributes.label)).toBe('string');
      if (type === 'dropdown') expect(attributes.options?.length).toBeGreaterThan(1);
      if (validations !== undefined) expect(typeof validations.required).toBe('boolean');
    }
  });

  it('has fields of different names, one of them required', () => {
    const ids = form.body.filter(({ type }) => type !== 'markdown').map(({ id }) => id);
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(ids.length);
    expect(form.body.some(({ validations }) => validations?.required === true)).toBe(true);
  });
});

it('an issue is begun by a form', () => {
  expect(yaml(`${FORMS}config.yml`)).toEqual({ blank_issues_enabled: false });
});

describe('.editorconfig', () => {
  const sections = readDocument('.editorconfig').split(/^\[(.+)\]$/m);
  const general = Object.fromEntries(
    Array.from((sections[2] ?? '').matchAll(/^(\w+) = (.+)$/gm), ([, key, value]) => [key, value]),
  ) as Record<string, string>;

  it('agrees with the formatter', () => {
    const { formatter } = JSON.parse(readDocument('biome.json')) as {
      formatter: { indentStyle: string; indentWidth: number; lineWidth: number };
    };
    expect(sections[1]).toBe('*');
    expect([general['indent_style'], Number(general['indent_size']), Number(general['max_line_length'])]).toEqual([
      formatter.indentStyle,
      formatter.indentWidth,
      formatter.lineWidth,
    ]);
  });

  it('names folders and files that there are', () => {
    const patterns = sections.slice(3).filter((_, i) => i % 2 === 0);
    expect(patterns.length).toBeGreaterThan(0);
    for (const pattern of patterns) {
      for (const path of pattern.replaceAll(/[{}]/g, '').split(','))
        expect(exists(path.replace(/\*.*$/, ''))).toBe(true);
    }
  });
});
