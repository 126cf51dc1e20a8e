/** Types of the part of jstat that we use; the package has none. */
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
