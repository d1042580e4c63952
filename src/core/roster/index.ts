export * from './certificate.ts';
export * from './chain.ts';
export * from './change.ts';
export * from './cut-certificate.ts';
export * from './decision.ts';
export * from './notice.ts';
export * from './roster.ts';
export * from './statements.ts';
