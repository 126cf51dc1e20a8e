/** The part of jstat that is used; the package has no types. */
declare module 'jstat' {
  const jstat: {
    readonly studentt: {
      cdf(x: number, degreesOfFreedom: number): number;
      inv(p: number, degreesOfFreedom: number): number;
    };
  };
  // biome-ignore lint/style/noDefaultExport: the package has no other.
  export default jstat;
}
