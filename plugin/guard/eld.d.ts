/** The part of eld that the language guard asks: its package names types in a way that the compiler does not find. */
declare module 'eld/extrasmall' {
  /** The detector, with the smallest of its tables. */
  export const eld: {
    /** Reads the first 1,000 characters of a text. */
    detect(text: string): {
      /** A score in [0, 1] for each language that the text may be in, by ISO 639-1 code. */
      getScores(): Readonly<Record<string, number>>;
    };
    /** What the detector is, its languages among that. */
    info(): { readonly Languages: Readonly<Record<string, string>> };
  };
}
