/** Removes the keys of settings that have no value. */

/** The type of such a copy: no value is `undefined`. */
export type Defined<T> = { readonly [Key in keyof T]: Exclude<T[Key], undefined> };

/** Drops keys without a value, so that they do not hide a default. */
export function withoutUndefined<T extends object>(settings: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  ) as Defined<T>;
}
