import type { Rng } from './rng.ts';

export type LungName = 'p2p' | 'http';

/** What the network does to one lung. */
export interface Weather {
  /** Share of messages lost, 0…1. Requests lose half as often each way. */
  loss: number;
  /** Share of messages that arrive twice. */
  duplicate: number;
  /** Longest delay in ms; most messages are much faster, so that they overtake each other. */
  maxDelayMs: number;
  /** Directions that are cut, as `from>to`. */
  cut: ReadonlySet<string>;
}

export const CALM: Weather = { loss: 0, duplicate: 0, maxDelayMs: 20, cut: new Set() };

export function stormyWeather(rng: Rng, nodes: number): Weather {
  return {
    loss: rng.chance(0.4) ? 0 : rng.between(0, 0.3),
    duplicate: rng.chance(0.4) ? 0 : rng.between(0, 0.5),
    maxDelayMs: rng.pick([20, 200, 1000, 5000]),
    cut: partition(rng, nodes, rng.pick(['none', 'none', 'symmetric', 'one-way', 'single'] as const)),
  };
}

/** Two sides that don't hear each other, with little loss within each. */
export function splitWeather(rng: Rng, nodes: number): Weather {
  return {
    loss: rng.between(0, 0.1),
    duplicate: 0,
    maxDelayMs: 200,
    cut: partition(rng, nodes, rng.pick(['symmetric', 'one-way', 'single'] as const)),
  };
}

/** No partition, two sides, one way between two sides, or one node alone. */
function partition(rng: Rng, nodes: number, kind: 'none' | 'symmetric' | 'one-way' | 'single'): ReadonlySet<string> {
  const side = Array.from({ length: nodes }, () => rng.chance(0.5));
  if (kind === 'single') side.fill(false)[rng.int(nodes)] = true;
  const cut = new Set<string>();
  if (kind === 'none') return cut;
  for (let from = 0; from < nodes; from++) {
    for (let to = 0; to < nodes; to++) {
      if (side[from] !== side[to] && (kind !== 'one-way' || side[from] === true)) cut.add(`${from}>${to}`);
    }
  }
  return cut;
}
