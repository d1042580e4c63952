/** The JSON data model that values are made of. Numbers are finite; integers lie within ±(2^53−1). */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };
