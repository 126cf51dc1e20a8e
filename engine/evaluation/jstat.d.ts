/** The part of jstat that is used; the package has no types. */
declare module 'jstat' {
  const jstat: {
    readonly normal: {
      inv(p: number, mean: number, standardDeviation: number): number;
    };
    readonly studentt: {
      cdf(x: number, degreesOfFreedom: number): number;
      inv(p: number, degreesOfFreedom: number): number;
    };
  };
  // biome-ignore lint/style/noDefaultExport: the package has no other.
  export default jstat;
}
