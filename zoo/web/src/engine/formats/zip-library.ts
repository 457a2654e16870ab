/** The part of zip.js that is used, a file of code of its own. */
export { BlobReader, ZipReader } from "@zip.js/zip.js/lib/zip-core-native.js";
