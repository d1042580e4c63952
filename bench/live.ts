import type { Bench } from './support/figures.ts';
export const live: Bench = async () => [];
