// What a page does beyond its forms: it shows what changes while one looks, and ranks can be moved without a new page.
// Everything works without this.
"use strict";

const main = () => document.getElementById("main");
let touched = false;
let waiting = null;

document.addEventListener("input", () => { touched = true; });
document.addEventListener("submit", () => { touched = false; });

async function showAnew() {
  waiting = null;
  const answer = await fetch(location.href, { credentials: "same-origin" });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
  if (fresh === null || fresh.textContent === main().textContent) return;
  if (touched || document.querySelector("#main form :focus, #main details[open] form")) {
    say("Something has changed. Load this page again to see it: what you typed would be lost.");
    return;
  }
  const focused = document.activeElement && document.activeElement.id;
  main().replaceChildren(...fresh.childNodes);
  if (focused && document.getElementById(focused)) document.getElementById(focused).focus({ preventScroll: true });
  prepare();
}

function say(text) {
  const news = document.getElementById("news");
  if (news.textContent === text) return;
  news.textContent = text;
}

function listen(address) {
  const events = new EventSource(address);
  events.addEventListener("change", () => { // each stream begins with one: something may have come before it began
    if (waiting === null) waiting = setTimeout(() => showAnew().catch(() => {}), 300);
  });
  events.addEventListener("error", () => { if (waiting === null) waiting = setTimeout(() => showAnew().catch(() => {}), 1500); });
}

// Ranks: the buttons and a drag move an option, and number those that have a place.

function number(list) {
  let place = 0;
  for (const item of list.children) {
    const select = item.querySelector("select");
    if (select.value !== "") select.value = String(++place);
  }
  touched = true;
}

function move(item, up) {
  const select = item.querySelector("select");
  const list = item.parentElement;
  const ranked = [...list.children].filter((each) => each.querySelector("select").value !== "");
  if (select.value === "") {
    if (!up) return;
    list.insertBefore(item, ranked.length ? ranked[ranked.length - 1].nextSibling : list.firstChild);
    select.value = "1";
  } else if (up && item.previousElementSibling) {
    list.insertBefore(item, item.previousElementSibling);
  } else if (!up && item === ranked[ranked.length - 1]) {
    select.value = "";
  } else if (!up) {
    list.insertBefore(item.nextElementSibling, item);
  }
  number(list);
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
        if (held === null || held === item) return;
        const below = event.clientY > item.getBoundingClientRect().top + item.offsetHeight / 2;
        list.insertBefore(held, below ? item.nextSibling : item);
        const at = [...list.children].indexOf(held);
        [...list.children].slice(0, at + 1).forEach((each) => { each.querySelector("select").value ||= "1"; });
        number(list);
      });
    }
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button[name=move]");
      if (button === null) return;
      event.preventDefault();
      move(button.closest("li"), button.value.startsWith("up"));
      button.focus();
    });
  }
}

prepare();
if (document.body.dataset.events) listen(document.body.dataset.events);
