/** Types of the part of the package that we use; the package carries none. */
declare module 'stopword' {
  /** English stop words, lower case. */
  export const eng: readonly string[];
}
