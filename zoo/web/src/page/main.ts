/** The page: choose a space, drop a file, look at the results. */

import { connectEngine, copyAdvice, counted, EngineError, type Progress, type QueryOptions, type SpaceSummary } from "../engine";
import type { ChosenFiles } from "./chosen-files";
import { byId } from "./dom";
import { count } from "./format";
import { MapPanel } from "./map-panel";
import { otherReferences } from "./other-references";
import { announce, clearProblem, showProblem } from "./problem";
import type { Result } from "./result";
import { ResultsScreen } from "./results-screen";
import { startWorker } from "./site-worker";
import { readSite, type Site, type SiteSpace } from "./site";
import { spacesAfter, withSpacesOfKind } from "./spaces-of-kind";
import {
  forgetLayer,
  listenForFiles,
  listModalities,
  listSpaces,
  markSpace,
  openOptions,
  queryOptions,
  showOptions,
} from "./start-screen";
import "./style.css";

type State = "start" | "working" | "results";

/** Results on the screen, and what they were made from. */
interface Labeled {
  given: ChosenFiles;
  entry: SiteSpace;
  space: SpaceSummary;
  options: QueryOptions;
  result: Result;
}

const SECTIONS: Record<string, State[]> = {
  start: ["start"],
  working: ["working"],
  summary: ["results"],
  "map-section": ["start", "working", "results"],
  details: ["results"],
};

/** Show the sections of a state. */
function enter(state: State): void {
  document.body.dataset.state = state;
  for (const [id, states] of Object.entries(SECTIONS)) {
    byId(id).hidden = !states.includes(state);
  }
}

async function main(): Promise<void> {
  const site = await readSite();
  if (site.spaces.length === 0) throw new Error("This page has no space; write it again with smile-zoo web --export.");
  const engine = await connectEngine(startWorker);
  const map = new MapPanel(engine);
  const results = new ResultsScreen(map, site, (space) => labeled !== null && relabel(space, labeled.given));
  let chosen = site.spaces[0];
  let opened: Promise<SpaceSummary> | null = null;
  let running = false;
  let cancelled = false;
  let last: ChosenFiles | null = null;
  let labeled: Labeled | null = null;

  function choose(space: SiteSpace): void {
    clearProblem();
    chosen = space;
    if (last !== null) byId("retry").textContent = `Label ${last.name} by ${space.title}`;
    const opening = openSpace(space, site);
    opened = opening;
    opening.then(
      async (summary) => {
        if (opened !== opening) return; // another one was chosen meanwhile
        listModalities(summary);
        byId("map-section").hidden = false;
        await map.showSpace(summary);
      },
      (error) => opened === opening && showProblem(error, isIncompletePage(error) ? "site" : "space"),
    );
  }

  async function openSpace(space: SiteSpace, { source }: Site): Promise<SpaceSummary> {
    const summary = await engine.openSpace(source(space));
    if (summary.sha256 !== space.manifest_sha256) {
      throw new EngineError(
        "space",
        `the reference ${space.name} is not the one that this page was made with (its sha256 differs); ` +
          copyAdvice(source(space)),
      );
    }
    return summary;
  }

  /** Label files by another reference. */
  function relabel(space: SiteSpace, given: ChosenFiles): void {
    if (running) return;
    markSpace(site.spaces, space);
    choose(space);
    void label(given);
  }

  /** Label files by the chosen reference; earlier results stay if they cannot be labeled. */
  async function label(given: ChosenFiles): Promise<void> {
    if (opened === null) return;
    if (running) {
      byId("working-note").textContent = stillWorking(byId("working-title").textContent);
      return;
    }
    const before = document.body.dataset.state === "results" ? labeled : null;
    running = true;
    byId("working-note").textContent = "";
    cancelled = false;
    last = given;
    const { name, files, folders } = given;
    const entry = chosen;
    clearProblem();
    byId("working-title").textContent = `Reading ${name}`;
    byId("progress-text").textContent = "Looking for cells, features and the kind of values …";
    byId("progress").removeAttribute("value");
    enter("working");
    byId("cancel").focus();
    announce(`Reading ${name}`);
    try {
      const space = await opened;
      if (cancelled) throw new EngineError("cancelled", "cancelled while the space was opened");
      const options = queryOptions(space);
      const query = { ...(await engine.openQuery(files, { ...options, folders })), fileName: name };
      if (cancelled) throw new EngineError("cancelled", "cancelled while the file was opened");
      byId("working-title").textContent = `Labeling ${query.fileName}`;
      const projection = await engine.project(progressBar());
      const result = { query, projection };
      const warning = results.show(entry, space, result);
      enter("results"); // only now: until here these sections hold the results of an earlier file
      await map.showResult(space, result);
      labeled = { given, entry, space, options, result };
      byId("summary-title").focus();
      scrollTo(0, 0);
      const seconds = Math.max(1, Math.ceil(projection.seconds));
      const done = `Done: labeled ${counted(projection.cells.length, "cell")} within ${counted(seconds, "second")}.`;
      announce(warning === "" ? done : `${done} Warning: ${warning}.`);
    } catch (error) {
      const kept = before !== null && (await restored(before));
      if (!kept) await back();
      if (error instanceof EngineError && error.code === "cancelled") {
        announce(kept ? "Cancelled; the earlier labels were kept." : "Cancelled; nothing was kept.");
      } else {
        const others = spacesAfter(error, entry, site.spaces);
        const isSameFile = kept && before.given === given;
        const untried = others.filter((space) => !(isSameFile && space === before.entry));
        const buttons = otherReferences(untried, entry, (space) => relabel(space, given));
        const title = kept ? titleAboveKept(isSameFile ? null : name, entry, before) : undefined;
        showProblem(withSpacesOfKind(error, site.spaces), undefined, buttons, title);
      }
      byId("retry").textContent = `Label ${name} again`;
      byId("retry").hidden = false;
      if (byId("alert").textContent.includes("under Options")) openOptions();
    } finally {
      running = false;
    }
  }

  /** Return to earlier results, and open their reference and file again; return whether that was possible. */
  async function restored({ given, entry, space, options, result }: Labeled): Promise<boolean> {
    byId("progress-text").textContent = "Returning to the earlier labels …";
    markSpace(site.spaces, entry);
    chosen = entry;
    try {
      opened = openSpace(entry, site);
      listModalities(await opened);
      showOptions(options);
      await engine.openQuery(given.files, { ...options, folders: given.folders });
    } catch {
      return false;
    }
    results.show(entry, space, result);
    enter("results");
    await map.showResult(space, result);
    return true;
  }

  async function back(): Promise<void> {
    byId("retry").hidden = true;
    enter("start");
    if (opened !== null) await opened.then((space) => map.showSpace(space), () => undefined);
  }

  byId("cancel").addEventListener("click", () => {
    cancelled = true;
    byId("progress-text").textContent = "Cancelling …";
    engine.cancel();
  });
  byId("retry").addEventListener("click", () => last !== null && void label(last));
  byId("again").addEventListener("click", () => {
    clearProblem();
    void back().then(() => byId("choose-files").focus());
  });
  addEventListener("beforeunload", (event) => {
    if (running) event.preventDefault(); // the browser asks whether to stop
  });
  byId("about").textContent =
    `smile-zoo ${site.version}. Nothing is uploaded: the browser keeps this page from sending anything to another computer.`;
  linkLicenses();
  listSpaces(site.spaces, choose);
  listenForFiles((given) => {
    if (!running) forgetLayer();
    void label(given);
  });
}

function isIncompletePage(error: unknown): boolean {
  return error instanceof EngineError && error.code === "site";
}

/** Return what is said of a file that is opened while another one is read. */
function stillWorking(title: string): string {
  return `Still ${title.charAt(0).toLowerCase()}${title.slice(1)}; cancel it to open another file.`;
}

/** Return the title of an error above earlier results: of a file with that name, or of the same file if it is null. */
function titleAboveKept(name: string | null, refused: SiteSpace, { given, entry }: Labeled): string {
  return name === null
    ? `${refused.title} could not label these cells; the labels below are of ${entry.title}`
    : `${name} could not be labeled; the results below are of ${given.name}`;
}

/** Return a function that shows progress: cells, speed, and for screen readers each quarter. */
function progressBar(): (progress: Progress) => void {
  const start = performance.now();
  const bar = byId<HTMLProgressElement>("progress");
  let quarter = 0;
  return ({ done, total }) => {
    bar.max = total;
    bar.value = done;
    const speed = Math.round(done / ((performance.now() - start) / 1000));
    byId("progress-text").textContent = `${count(done)} of ${count(total)} cells, ${count(speed)} cells/s`;
    const reached = Math.floor((4 * done) / total);
    if (reached > quarter && reached < 4) announce(`${25 * reached} percent`);
    quarter = reached;
  };
}

/** In a single file, let the link to the licenses lead to those in the page. */
function linkLicenses(): void {
  const texts = document.getElementById("licenses")?.textContent?.replaceAll("&lt;", "<");
  if (texts === undefined) return;
  const file = new Blob([texts], { type: "text/plain;charset=utf-8" });
  byId<HTMLAnchorElement>("licenses-link").href = URL.createObjectURL(file);
}

main().catch((error) => showProblem(error, "page"));
