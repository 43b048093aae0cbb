/** Bounds of the histograms: one list for each kind of quantity, so that panels compare. */

/** Of what a caller waits for, seconds. */
export const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Of one step within it, seconds. */
export const stepSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;

/** Of a vendor's answer, or of a whole file, seconds. */
export const longSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120] as const;

/** Of ops in a group. */
export const groupOps = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500] as const;
