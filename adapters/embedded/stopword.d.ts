/** The package carries no types; this is what is used of it. */
declare module 'stopword' {
  /** English stop words, lower case. */
  export const eng: readonly string[];
}
