// One-key commands on the queue and on a possible defect's page. They are off until a person switches
// them on, for this browser, and are never taken from a field that is being written into.
const KEPT = "roadwear-single-keys";
const toggle = document.getElementById("single-keys");
const written = new Set(["text", "search", "email", "password", "number"]);

function isWriting(element) {
  if (element.isContentEditable || ["TEXTAREA", "SELECT"].includes(element.tagName)) return true;
  return element.tagName === "INPUT" && written.has(element.type);
}

function step(by) {
  const links = [...document.querySelectorAll("[data-row]")];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
  links[Math.min(Math.max(next, 0), links.length - 1)].focus();
}

document.addEventListener("keydown", (event) => {
  if (!toggle.checked || event.ctrlKey || event.altKey || event.metaKey) return;
  if (isWriting(event.target)) return;
  if (event.key === "j" || event.key === "k") {
    step(event.key === "j" ? 1 : -1);
    event.preventDefault();
    return;
  }
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  // A choice is gone to and never made: that takes a second key.
  if (wanted.tagName === "A") wanted.click();
  else wanted.focus();
  event.preventDefault();
});

toggle.checked = localStorage.getItem(KEPT) === "on";
toggle.addEventListener("change", () => {
  localStorage.setItem(KEPT, toggle.checked ? "on" : "off");
});
document.getElementById("keys").hidden = false;
