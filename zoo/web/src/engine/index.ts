export { connectEngine } from "./connected-engine";
export * from "./engine";
