// The zoom view. Without it every link leads to a page of its picture.

const MOST = 8;
const TAP_MS = 300;
const RETRIES = 4;

const file = (link) => `${link.href}.jpg`;
const $ = (id) => document.getElementById(id);
const links = [...document.querySelectorAll("a.open")];
const [viewer, stage, large] = [$("viewer"), $("stage"), $("large")];

let shown = -1;
let view = { scale: 1, x: 0, y: 0 };

// A server that draws for many says so; the browser does not ask again by itself.
function retry(picture, giveUp, tries = 0) {
  const source = picture.getAttribute("src");
  picture.addEventListener("error", () => {
    if (tries >= RETRIES) { giveUp(); return; }
    setTimeout(() => {
      if (picture.getAttribute("src") !== source) return;
      retry(picture, giveUp, tries + 1);
      picture.src = source;
    }, 1000 * 2 ** tries);
  }, { once: true });
}

for (const link of links) {
  const picture = link.querySelector("img");
  const giveUp = () => { link.classList.add("failed"); };
  retry(picture, giveUp);
  if (picture.complete && !picture.naturalWidth && picture.currentSrc) picture.dispatchEvent(new Event("error"));
}

function draw() {
  const { scale } = view;
  const [wide, high] = [stage.clientWidth * (scale - 1) / 2, stage.clientHeight * (scale - 1) / 2];
  view.x = Math.min(wide, Math.max(-wide, view.x));
  view.y = Math.min(high, Math.max(-high, view.y));
  large.style.transform = `translate(${view.x}px, ${view.y}px) scale(${scale})`;
  $("out").disabled = scale <= 1;
  $("in").disabled = scale >= MOST;
}

// Zooms so that what is under the point stays under it.
function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const scale = Math.min(MOST, Math.max(1, view.scale * factor));
  const [fromX, fromY] = [x - stage.clientWidth / 2, y - stage.clientHeight / 2];
  const by = scale / view.scale;
  view = { scale, x: fromX - (fromX - view.x) * by, y: fromY - (fromY - view.y) * by };
  draw();
}

function reset() {
  view = { scale: 1, x: 0, y: 0 };
  draw();
}

function show(index) {
  if (index < 0 || index >= links.length) return;
  shown = index;
  const link = links[index];
  const label = link.querySelector("img").alt;
  stage.classList.add("waiting");
  $("trouble").hidden = true;
  large.alt = label;
  large.src = file(link);
  retry(large, () => { $("trouble").hidden = false; });
  $("which").textContent = label;
  $("keep").href = file(link);
  $("keep").download = link.dataset.name;
  $("keep").setAttribute("aria-label", `Save ${label.toLowerCase()}`);
  $("previous").disabled = index === 0;
  $("next").disabled = index === links.length - 1;
  reset();
}

large.addEventListener("load", () => {
  stage.classList.remove("waiting");
  $("trouble").hidden = true;
  for (const near of [shown + 1, shown - 1]) if (links[near]) new Image().src = file(links[near]);
});

function open(index) {
  viewer.showModal();
  show(index);
  $("close").focus({ preventScroll: true });
  history.pushState({ viewer: true }, "");  // so that the phone's back button closes it
}

viewer.addEventListener("close", () => {
  large.removeAttribute("src");
  if (history.state && history.state.viewer) history.back();
  links[shown].focus();
  links[shown].scrollIntoView({ block: "nearest" });
});
addEventListener("popstate", () => { if (viewer.open) viewer.close(); });

links.forEach((link, index) => link.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open(index);
}));

$("close").addEventListener("click", () => viewer.close());
$("previous").addEventListener("click", () => show(shown - 1));
$("next").addEventListener("click", () => show(shown + 1));
$("in").addEventListener("click", () => zoom(1.5));
$("out").addEventListener("click", () => zoom(1 / 1.5));

const KEYS = {
  ArrowLeft: () => show(shown - 1), ArrowRight: () => show(shown + 1), Home: () => show(0), End: () => show(links.length - 1),
  "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: reset,
};
viewer.addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  KEYS[event.key]();
});

// Fingers and the mouse: two zoom, one moves what is zoomed, or turns the page; two taps zoom in and out.
const fingers = new Map();
let start = null;
let tapped = 0;

const place = (event) => { const box = stage.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
const spread = () => { const [[ax, ay], [bx, by]] = [...fingers.values()]; return [Math.hypot(ax - bx, ay - by), (ax + bx) / 2, (ay + by) / 2]; };

stage.addEventListener("pointerdown", (event) => {
  if (event.target.closest("button") || event.button) return;
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, place(event));
  start = fingers.size === 1 ? { at: place(event), moved: false } : null;
});

stage.addEventListener("pointermove", (event) => {
  if (!fingers.has(event.pointerId)) return;
  const [x, y] = place(event);
  const [oldX, oldY] = fingers.get(event.pointerId);
  const before = fingers.size === 2 ? spread() : null;
  fingers.set(event.pointerId, [x, y]);
  if (before) {
    const [distance, middleX, middleY] = spread();
    view.x += middleX - before[1];
    view.y += middleY - before[2];
    zoom(distance / Math.max(1, before[0]), middleX, middleY);
  } else if (view.scale > 1) {
    view.x += x - oldX;
    view.y += y - oldY;
    draw();
  }
  if (start && Math.hypot(x - start.at[0], y - start.at[1]) > 10) start.moved = true;
});

function lift(event) {
  if (!fingers.delete(event.pointerId) || !start || event.type === "pointercancel") return;
  const [x, y] = place(event);
  const [byX, byY] = [x - start.at[0], y - start.at[1]];
  if (!start.moved) {
    if (event.timeStamp - tapped < TAP_MS) view.scale > 1 ? reset() : zoom(2.5, x, y);
    tapped = event.timeStamp;
  } else if (view.scale === 1 && Math.abs(byX) > 50 && Math.abs(byX) > 2 * Math.abs(byY)) {
    show(shown + (byX < 0 ? 1 : -1));
  }
  start = null;
}
stage.addEventListener("pointerup", lift);
stage.addEventListener("pointercancel", lift);

stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), ...place(event));
}, { passive: false });
addEventListener("resize", () => { if (viewer.open) draw(); });

// One clip at a time.
const clips = [...document.querySelectorAll("video")];
for (const clip of clips) clip.addEventListener("play", () => { for (const other of clips) if (other !== clip) other.pause(); });
