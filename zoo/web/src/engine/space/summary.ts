/** What the page shows of a space. */
import type { Driver, SpaceSummary } from "../engine";
import type { Space } from "./space";

/** Return the summary of a space. */
export function summarizeSpace(space: Space): SpaceSummary {
  const { manifest, reference } = space;
  return {
    name: manifest.name,
    title: manifest.title,
    organism: manifest.organism,
    tissue: manifest.tissue,
    licence: manifest.licence,
    sources: manifest.sources.map(({ name, licence, url = "" }) => ({ name, licence, url })),
    nCells: manifest.reference.n_cells,
    modalities: Object.keys(manifest.encoders),
    columns: reference.columns.map(({ name, labels, within = null, parents = [] }) => ({ name, labels, within, parents })),
    primary: reference.columns[0]?.name ?? "",
    reference: {
      map: reference.map,
      weights: reference.weight,
      labels: new Map(reference.columns.map(({ name }, index) => [name, reference.labels[index]])),
    },
    ontology: new Map(Object.entries(manifest.ontology ?? {})),
    drivers: driversOf(space),
    sha256: space.sha256,
    needsOnnxRuntime: Object.values(manifest.encoders).some(({ sparse }) => !sparse),
  };
}

function driversOf({ manifest }: Space): Map<string, Driver[]> {
  const listed = Object.values(manifest.encoders).find(({ drivers }) => drivers)?.drivers ?? {};
  return new Map(
    Object.entries(listed).map(([label, features]) => [
      label,
      features.map((feature) => ({ feature, symbol: feature })),
    ]),
  );
}
