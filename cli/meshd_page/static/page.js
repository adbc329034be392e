// What a page does beyond its forms: it shows what changes while one looks, and ranks can be moved without a new page.
// Everything works without this.
"use strict";

const QUIET = { "meshd-quiet": "1" }; // nobody has clicked: what is asked for so counts as seen by nobody
let waiting = null;
let told_of_change = false; // once is enough, while somebody types
let told_of_absence = false;
let turn = 0; // of several answers the last one that was asked for counts

const main = () => document.getElementById("main");

let passing = null;

function say(text) {
  const news = document.getElementById("news");
  clearTimeout(passing);
  if (news.textContent !== text) news.textContent = text;
}

// Say what is of no use for long: each time anew, for who hears it, and not for ever, for who sees it.
function sayShortly(text) {
  say("");
  passing = setTimeout(() => {
    say(text);
    passing = setTimeout(() => say(""), 8000);
  }, 50);
}

const FIELDS = "textarea, select, input:not([type=hidden])";

function isChoice(field) {
  return field.type === "checkbox" || field.type === "radio";
}

function isChanged(field) {
  if (isChoice(field)) return field.checked !== field.defaultChecked;
  if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
  const first = [...field.options].findIndex((option) => option.defaultSelected);
  return field.selectedIndex !== Math.max(0, first);
}

// Whether somebody has begun to fill in a form, or the browser has done it for them.
function isTouched() {
  if ([...main().querySelectorAll(FIELDS)].some(isChanged)) return true;
  if (main().querySelector(".held") !== null) return true; // a rank is being dragged
  // The field for a passphrase has the focus from the beginning, and is of no use once somebody has unlocked elsewhere.
  return main().querySelector("form :focus:not([type=password]), details[open] form") !== null;
}

// Where the focus is, so that it can be put there again: a link by its address, anything else by its id.
function focused() {
  const element = document.activeElement;
  if (!main().contains(element) || element === main()) return () => null;
  if (element.id) return () => document.getElementById(element.id);
  const address = element.getAttribute("href");
  return address === null ? undefined : () => main().querySelector(`a[href="${CSS.escape(address)}"]`);
}

// What a page says, but for the words that are new in each form.
function told(element) {
  const copy = element.cloneNode(true);
  for (const hidden of copy.querySelectorAll("input[type=hidden]")) hidden.remove();
  return copy.innerHTML;
}

async function showAnew() {
  waiting = null;
  const mine = ++turn;
  const answer = await fetch(location.href, { credentials: "same-origin", headers: QUIET });
  if (answer.status === 403) {
    say("This page is shut: it was begun anew. Type `meshd page` for a new address.");
    return;
  }
  if (isTouched()) {
    const gone = answer.status === 503;
    if (gone) say("The daemon does not answer, or is locked. What you type here stays: send it once it is back.");
    else if (told_of_absence) sayShortly("The daemon is back. What you typed is still here.");
    else if (!told_of_change) sayShortly("Something may have changed since this page was made. What you type here stays.");
    [told_of_change, told_of_absence] = [!gone, gone];
    return;
  }
  [told_of_change, told_of_absence] = [false, false];
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("main");
  if (fresh === null || told(fresh) === told(main()) || isTouched() || mine !== turn) return;
  const find = focused();
  if (find === undefined) {
    say("Something has changed. Load this page again to see it.");
    return;
  }
  const open = [...main().querySelectorAll("details[open] > summary")].map((each) => each.textContent);
  main().replaceChildren(...fresh.childNodes);
  document.title = page.title;
  const [header, around] = [document.querySelector("header"), page.querySelector("header")];
  if (header.innerHTML !== around.innerHTML && !header.contains(document.activeElement)) header.replaceChildren(...around.childNodes);
  for (const each of main().querySelectorAll("details > summary")) {
    if (open.includes(each.textContent)) each.parentElement.open = true;
  }
  const again = find();
  if (again !== null) again.focus({ preventScroll: true });
  sayShortly("This page has been brought up to date.");
  prepare();
}

function soon(milliseconds) {
  if (waiting === null) waiting = setTimeout(() => showAnew().catch(() => say("The page does not answer: is it still running?")), milliseconds);
}

// One stream for all pages of this assembly that are looked at: a browser has few connections to one host. Whoever holds
// the lock listens, and tells the others; nobody does while no page is seen.
const address = document.body.dataset.events;
const others = new BroadcastChannel(address || "none");
let rested = null;
const REFUSED = 5000; // milliseconds until one listens again where the answer was no stream

function listen() {
  if (document.hidden || rested !== null) return;
  rested = new AbortController();
  const { signal } = rested;
  navigator.locks.request(address, { signal }, () => new Promise((done) => {
    if (signal.aborted) return done();
    const events = new EventSource(address);
    // Each stream begins with a change: something may have come before it did.
    events.addEventListener("change", () => { others.postMessage(""); soon(300); });
    events.addEventListener("error", () => {
      others.postMessage("");
      soon(1500);
      if (events.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      rest();
      setTimeout(listen, REFUSED);
    });
    signal.addEventListener("abort", () => { events.close(); done(); });
  })).catch(() => {}); // it was not needed any more before it was one's turn
}

function rest() {
  if (rested !== null) rested.abort();
  rested = null;
}

function look() {
  if (document.hidden) return;
  listen();
  soon(300);
}

// Ranks: the buttons and a drag move an option. What stands side by side stays so, unless it is what moves.

function groupsOf(list) {
  const places = new Map();
  for (const item of list.children) {
    const place = Number(item.querySelector("select").value);
    if (place) places.set(place, [...(places.get(place) || []), item]);
  }
  return [...places.keys()].sort((a, b) => a - b).map((place) => places.get(place));
}

function arrange(list, groups) {
  const ranked = groups.flat();
  const others = [...list.children].filter((item) => !ranked.includes(item));
  groups.forEach((group, place) => group.forEach((item) => { item.querySelector("select").value = String(place + 1); }));
  others.forEach((item) => { item.querySelector("select").value = ""; });
  list.append(...ranked, ...others);
}

function move(list, item, up) {
  const groups = groupsOf(list);
  const at = groups.findIndex((group) => group.includes(item));
  if (at < 0) {
    if (up) groups.push([item]);
  } else if (groups[at].length > 1) {
    groups[at] = groups[at].filter((each) => each !== item);
    groups.splice(up ? at : at + 1, 0, [item]);
  } else {
    groups.splice(at, 1);
    if (up) groups.splice(Math.max(0, at - 1), 0, [item]);
    else if (at < groups.length) groups.splice(at + 1, 0, [item]); // below the last one it has no place any more
  }
  arrange(list, groups);
}

function drop(list, held, on, below) {
  if (held === on) return;
  const groups = groupsOf(list).map((group) => group.filter((each) => each !== held)).filter((group) => group.length);
  const at = groups.findIndex((group) => group.includes(on));
  groups.splice(at < 0 ? groups.length : below ? at + 1 : at, 0, [held]);
  arrange(list, groups);
}

function prepare() {
  for (const list of document.querySelectorAll(".ranks")) {
    let held = null;
    for (const item of list.children) {
      item.draggable = true;
      item.addEventListener("dragstart", () => { held = item; item.classList.add("held"); });
      item.addEventListener("dragend", () => { held = null; item.classList.remove("held"); });
      item.addEventListener("dragover", (event) => { if (held !== null) event.preventDefault(); });
      item.addEventListener("drop", (event) => {
        event.preventDefault();
        if (held !== null) drop(list, held, item, event.clientY > item.getBoundingClientRect().top + item.offsetHeight / 2);
      });
    }
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button[name=move]");
      if (button === null) return;
      event.preventDefault();
      const item = button.closest("li");
      move(list, item, button.value.startsWith("up"));
      button.focus();
      const place = item.querySelector("select").value;
      const name = item.querySelector("label").textContent;
      document.getElementById("moved").textContent = place ? `${name}: ${place}` : `${name}: no place`;
    });
  }
}

// What stands in the other forms of a page when one is sent: the next page that has them shows it again.

const KEPT = "meshd-kept";

// A form by where it goes and what it is about: the words that are new in each form say nothing of that.
function nameOf(form) {
  const about = [...form.elements].filter((field) => field.type === "hidden" && !["token", "once"].includes(field.name));
  return JSON.stringify([form.getAttribute("action"), ...about.map((field) => [field.name, field.value])]);
}

function keepOthers(sent) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "[]").filter(([name]) => name !== nameOf(sent));
  for (const form of main().querySelectorAll("form")) {
    if (form === sent) continue;
    for (const field of form.querySelectorAll(FIELDS)) {
      if (field.type !== "password" && isChanged(field)) kept.push([nameOf(form), field.name, field.value, field.checked]);
    }
  }
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
}

function giveBack() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "[]");
  const forms = new Map([...main().querySelectorAll("form")].map((form) => [nameOf(form), form]));
  for (const [name, field, value, checked] of kept) {
    if (!forms.has(name)) continue;
    const places = [...forms.get(name).elements].filter((each) => each.name === field);
    const place = places.find((each) => !isChoice(each) || each.value === value);
    if (place === undefined) continue;
    if (isChoice(place)) place.checked = checked;
    else if (!isChanged(place)) place.value = value;
    const folded = place.closest("details");
    if (folded !== null) folded.open = true;
  }
  sessionStorage.setItem(KEPT, JSON.stringify(kept.filter(([name]) => !forms.has(name))));
}

giveBack();
document.addEventListener("submit", (event) => keepOthers(event.target));

prepare();
if (address && navigator.locks && main().hasAttribute("data-live")) {
  others.onmessage = () => { if (!document.hidden) soon(300); };
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : look()));
  window.addEventListener("pagehide", rest);
  window.addEventListener("pageshow", (event) => (event.persisted ? look() : listen()));
}
