declare module "virtual:packed-worker" {
  /** The engine's worker as one script: gzip in base64. */
  const packed: string;
  export default packed;
}
