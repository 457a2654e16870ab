export { connectEngine } from "./connected-engine";
export * from "./engine";
export { copyAdvice } from "./space/copy-advice";
export { counted, percent } from "./text";
