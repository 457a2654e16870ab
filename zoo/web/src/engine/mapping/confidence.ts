/** Confidence of a transferred label: the probability that it is right, calibrated on left-out cells. */
import type { CalibrationRecord, DissimilarityRecord, EvidenceWeights } from "../space/manifest";
import { clip, clippedTo, inUnits, type Measures } from "./dissimilarity";
import { interpolate } from "./interpolation";

const MIN_SHARE = 1e-3;
const MAX_DISTANCE = 3;

/** Return the evidence for a label: the log odds of its share of the votes, plus weighted terms. */
export function weighEvidence(
  share: number,
  raw: Measures,
  record: DissimilarityRecord,
  weights: EvidenceWeights,
): number {
  const measures = clippedTo(record, raw);
  const clipped = clip(share, MIN_SHARE, 1 - MIN_SHARE);
  const distance = clip(inUnits(measures.logDistance, measures, record.distance), 0, MAX_DISTANCE);
  return (
    weights.vote * Math.log(clipped / (1 - clipped)) +
    weights.distance * distance +
    weights.detected * measures.logDetected +
    weights.measured * measures.logMeasured +
    weights.distance_detected * distance * measures.logDetected
  );
}

/** Return the confidence for some evidence, 0 to 1; without calibration, it is the vote share. */
export const calibrateConfidence = (evidence: number, calibration: CalibrationRecord | undefined): number =>
  calibration ? interpolate(evidence, calibration.evidence, calibration.probability) : clip(evidence, 0, 1);
