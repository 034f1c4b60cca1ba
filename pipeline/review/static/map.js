// The map beside the queue: the same possible defects as in the list, among the council's roads. The list
// is complete without it.
import { Map, NavigationControl, Popup, ScaleControl, setWorkerUrl } from "/static/maplibre-gl.mjs";

setWorkerUrl("/static/maplibre-gl-worker.mjs");
const box = document.getElementById("map");
const rows = [...document.querySelectorAll("[data-lon]")];
const places = rows.map((row) => [Number(row.dataset.lon), Number(row.dataset.lat)]);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

function bounds() {
  if (!places.length) return [[-6.4, 49.9], [1.8, 58.7]];
  const lon = places.map((place) => place[0]);
  const lat = places.map((place) => place[1]);
  return [[Math.min(...lon), Math.min(...lat)], [Math.max(...lon), Math.max(...lat)]];
}

const waits = ["==", ["get", "state"], "queued"];
const wanted = ["all"];
if (box.dataset.category) wanted.push(["==", ["get", "category"], box.dataset.category]);
if (box.dataset.kind) wanted.push(["any", ["!", ["has", "kind"]], ["==", ["get", "kind"], box.dataset.kind]]);
const shown = wanted.length > 1 ? wanted : ["has", "count"];
const sources = {
  council: {
    type: "vector", tiles: [`${location.origin}/tiles/{z}/{x}/{y}.mvt`], minzoom: 6, maxzoom: 18,
  },
};
const under = [{ id: "ground", type: "background", paint: { "background-color": "#f8f8f8" } }];
if (box.dataset.tiles) {
  sources.base = { type: "raster", tiles: [box.dataset.tiles], tileSize: 256, attribution: box.dataset.attribution };
  under.push({ id: "base", type: "raster", source: "base" });
}
const map = new Map({
  container: box,
  bounds: bounds(),
  fitBoundsOptions: { padding: 40, maxZoom: 16 },
  attributionControl: box.dataset.tiles ? {} : false,
  dragRotate: false,
  fadeDuration: still ? 0 : 300,
  style: {
    version: 8,
    sources,
    layers: [
      ...under,
      { id: "roads", type: "line", source: "council", "source-layer": "roads", layout: { "line-cap": "round" },
        paint: { "line-color": "#8e979c", "line-width": ["interpolate", ["linear"], ["zoom"], 9, 0.6, 14, 2, 18, 8] } },
      { id: "names", type: "symbol", source: "council", "source-layer": "roads", minzoom: 15,
        layout: { "symbol-placement": "line", "text-field": ["get", "name"], "text-size": 12 },
        paint: { "text-color": "#0b0c0c", "text-halo-color": "#fff", "text-halo-width": 1.5 } },
      { id: "defects", type: "circle", source: "council", "source-layer": "defects", filter: shown,
        paint: { "circle-color": ["case", waits, "#d4351c", "#1d70b8"], "circle-stroke-color": "#fff",
          "circle-stroke-width": 2,
          "circle-radius": ["interpolate", ["linear"], ["get", "count"], 1, 7, 50, 14, 1000, 24] } },
      { id: "counts", type: "symbol", source: "council", "source-layer": "defects",
        filter: ["all", shown, [">", ["get", "count"], 1]],
        layout: { "text-field": ["to-string", ["get", "count"]], "text-size": 12, "text-allow-overlap": true },
        paint: { "text-color": "#fff" } },
    ],
  },
});
map.addControl(new NavigationControl({ showCompass: false }));
map.addControl(new ScaleControl({ unit: "metric" }));
map.touchZoomRotate.disableRotation();
map.keyboard.disableRotation();

map.on("click", "defects", (event) => {
  const { defect_id: id, kind, category, state, count } = event.features[0].properties;
  const words = document.createElement("p");
  words.className = "govuk-body-s";
  if (!id) {
    map.easeTo({ center: event.lngLat, zoom: map.getZoom() + 2, animate: !still });
    return;
  }
  const link = document.createElement("a");
  link.href = `/defects/${id}`;
  link.className = "govuk-link";
  link.textContent = `${state === "queued" ? "Possible " : ""}${kind.replaceAll("_", " ")}`;
  words.append(link, `, ${category || state.replaceAll("_", " ")}`);
  new Popup({ focusAfterOpen: true }).setLngLat(event.lngLat).setDOMContent(words).addTo(map);
});
for (const change of ["mouseenter", "mouseleave"]) {
  map.on(change, "defects", () => { map.getCanvas().style.cursor = change === "mouseenter" ? "pointer" : ""; });
}

// The line that has the focus, or under the mouse, is ringed on the map.
map.on("load", () => {
  map.addSource("pointed", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
  map.addLayer({ id: "pointed", type: "circle", source: "pointed",
    paint: { "circle-radius": 14, "circle-opacity": 0, "circle-stroke-color": "#0b0c0c", "circle-stroke-width": 4 } });
  rows.forEach((row, index) => {
    const ring = () => map.getSource("pointed").setData({ type: "Point", coordinates: places[index] });
    row.addEventListener("focusin", ring);
    row.addEventListener("mouseenter", ring);
  });
  box.dataset.ready = "true";
});
box.hidden = false;
const within = document.getElementById("within");
within.addEventListener("submit", () => {
  within.elements.bounds.value = map.getBounds().toArray().flat().join(",");
});
within.hidden = false;
window.roadwearMap = map;
