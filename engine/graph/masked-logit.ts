/**
 * What stands for a logit that does not count: it adds exactly 0 to a softmax or a sum of exponentials, and times 100,000
 * tokens it is still within float32.
 */
export const maskedLogit: number = -1e30;
