/** A space: its manifest, its reference, and its encoders; each file is verified when it is read. */
import type { SpaceSource } from "../engine";
import { KeptResults } from "../kept-results";
import { type FeatureTable, parseFeatureTable } from "./feature-table";
import { copyAdvice } from "./copy-advice";
import { type EncoderRecord, MANIFEST_NAME, type Manifest, parseManifest } from "./manifest";
import { digestOf, requirePinned } from "./pinned-file";
import { type Reference, readReference, selectPoints } from "./reference";
import { readFile } from "./source";

export class Space {
  readonly #files = new KeptResults<Uint8Array>();
  readonly #tables = new KeptResults<FeatureTable>();

  private constructor(
    readonly source: SpaceSource,
    readonly manifest: Manifest,
    readonly sha256: string,
    readonly reference: Reference,
  ) {}

  /** Read the manifest and the reference of a space. */
  static async open(source: SpaceSource): Promise<Space> {
    const content = await readFile(source, MANIFEST_NAME);
    const manifest = parseManifest(content, copyAdvice(source));
    const { points } = manifest.reference;
    const read = await verified(source, manifest, points);
    const nLatent = Object.values(manifest.encoders)[0].n_latent;
    return new Space(source, manifest, digestOf(content), readReference(read, manifest.reference, nLatent));
  }

  /** Return the content of a file, verified; each is read once, although every set of features needs the encoder. */
  read(name: string): Promise<Uint8Array> {
    return this.#files.of(name, () => verified(this.source, this.manifest, name));
  }

  /** Return the feature table of an encoder. */
  table(record: EncoderRecord): Promise<FeatureTable> {
    const { features } = record;
    return this.#tables.of(features, async () => parseFeatureTable(await this.read(features), features));
  }

  /** Return the points whose labels an encoder's queries get. */
  votersOf(record: EncoderRecord): Reference {
    const ids = record.voters.map((name) => this.manifest.reference.modalities.indexOf(name));
    const rows = Array.from(this.reference.modality.keys()).filter((row) => ids.includes(this.reference.modality[row]));
    return rows.length === this.reference.nPoints ? this.reference : selectPoints(this.reference, rows);
  }
}

async function verified(source: SpaceSource, manifest: Manifest, name: string): Promise<Uint8Array> {
  const content = await readFile(source, name);
  requirePinned(name, content, manifest.files[name], "the manifest", copyAdvice(source));
  return content;
}
