// What the process of a node tells of itself: its resources, its last hour, its log and its configuration.
import { type Static, Type } from 'typebox';
import { entity, mapOf, word } from './describe.ts';
import { time } from './entities.ts';

const { Array: List, Boolean: Bool, Integer, Number: Float, Object: Shape, Optional: Maybe, String: Text } = Type;

export const Resources = entity(
  'Resources',
  'What the process and its disk use.',
  Shape({
    disk: Shape({
      path: Text(),
      freeBytes: Maybe(Integer()),
      totalBytes: Maybe(Integer()),
      storeBytes: Maybe(Integer()),
    }),
    memory: mapOf(Integer(), 'Bytes: rss, heapUsed, heapTotal, external, arrayBuffers.'),
    descriptors: Maybe(
      Shape(
        { limit: Integer(), open: Integer() },
        { description: 'File descriptors; new connections are refused while few are left.' },
      ),
    ),
    eventLoop: Shape({ p50Ms: Float(), p99Ms: Float(), maxMs: Float() }),
    cpu: Shape({ percent: Float({ description: 'Of one core.' }) }),
    uptimeMs: Integer(),
    node: Text(),
    platform: Text(),
  }),
);
export type Resources = Static<typeof Resources.ref>;

export const Series = entity(
  'Series',
  'An hour of figures, one item each step.',
  Shape({
    stepMs: Integer(),
    items: List(
      Shape({
        at: time('End of the step.'),
        changes: Integer(),
        writes: Integer(),
        latencyP99Ms: Maybe(Float()),
        gossipBytesIn: Integer(),
        gossipBytesOut: Integer(),
        httpBytesIn: Integer(),
        httpBytesOut: Integer(),
        repairs: Integer(),
        transitions: Integer(),
        peersEqual: Integer(),
        peers: Integer(),
        heard: Integer({ description: "Of the verdict's members." }),
        conflicts: Integer(),
        loopP99Ms: Maybe(Float()),
        rss: Maybe(Integer()),
      }),
    ),
  }),
);
export type Series = Static<typeof Series.ref>;

export const LogLine = entity(
  'LogLine',
  'One line of the log, with the fields that it carries.',
  Type.Unsafe<{ id: string; time: string; level: string; component: string; msg: string; [field: string]: unknown }>({
    type: 'object',
    required: ['id', 'time', 'level', 'msg'],
    properties: {
      id: { type: 'string' },
      time: { type: 'string', description: 'ISO 8601, UTC.' },
      level: { type: 'string' },
      component: { type: 'string' },
      msg: { type: 'string' },
    },
    additionalProperties: true,
  }),
);
export type LogLine = Static<typeof LogLine.ref>;

export const LogPage = entity(
  'LogPage',
  'Lines of the log, oldest first.',
  Shape({
    items: List(LogLine.ref),
    dropped: Integer({ description: 'Lines after `after` that are gone.' }),
    restarted: Bool({ description: '`after` is of another run of the node.' }),
    next: Text({ description: 'Pass as `after` to go on.' }),
  }),
);
export type LogPage = Static<typeof LogPage.ref>;

export const ConfigItem = entity(
  'ConfigItem',
  'One setting as the node took it. Secrets are never shown.',
  Shape({
    name: Text({ description: 'The variable.' }),
    value: Text({ description: 'Its text; of a secret only `set` or `not set`.' }),
    source: word(
      ['environment', 'file', 'default', 'legacy', 'options'],
      '`legacy`: an old name of the variable, wherever it stood. `options`: those of a program that embeds the node.',
    ),
    secret: Bool(),
    unit: Maybe(Text()),
    help: Text(),
  }),
);
export type ConfigItem = Static<typeof ConfigItem.ref>;

export const Reloaded = entity(
  'Reloaded',
  'What a reload of the configuration came to. Variables are named with their prefix.',
  Shape({
    changed: List(Text(), { description: 'Variables by which the node acts anew.' }),
    needsRestart: List(Text(), { description: 'Variables that have changed too and take effect with a restart.' }),
    untrusted: List(Text(), { description: 'Authors who are trusted no more, as public keys.' }),
    warnings: List(Text(), { description: 'Sentences about the configuration as it is.' }),
  }),
);
export type Reloaded = Static<typeof Reloaded.ref>;
