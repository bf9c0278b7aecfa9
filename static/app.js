// Spares a step here and there. Every page works without it.
"use strict";

(() => {
  const all = (selector) => document.querySelectorAll(selector);

  // Copying. The clipboard is there only on safe origins; elsewhere the text is chosen, ready to be copied by hand.
  const choose = (element) => {
    const selection = window.getSelection();
    selection.removeAllRanges();
    const range = document.createRange();
    range.selectNodeContents(element);
    selection.addRange(range);
  };
  const copy = async (element) => {
    try {
      await navigator.clipboard.writeText(element.textContent.trim().replace(/\s*\n\s*/g, "\n"));
      return true;
    } catch {
      choose(element);
      return document.execCommand("copy");
    }
  };
  for (const button of all("[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    const result = document.querySelector(`[data-copied="${button.dataset.copy}"]`);
    if (!source || !result) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const done = await copy(source);
      // Emptied first, so that a second copy is read out as well.
      result.textContent = "";
      window.setTimeout(() => {
        result.textContent = done ? "Copied." : "It is selected. Copy it with your keyboard.";
      }, 50);
    });
  }

  // Keeping what is shown once: as a file made here, which goes through nobody's hands, or on paper.
  for (const button of all("[data-download]")) {
    const source = document.getElementById(button.dataset.download);
    if (!source) continue;
    button.hidden = false;
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([source.textContent], { type: "text/plain" }));
      link.download = button.dataset.name;
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }
  for (const button of all("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  // Showing a password while it is typed; hidden again before it is sent, so that no browser remembers it as text.
  for (const button of all("[data-reveal]")) {
    const input = document.getElementById(button.dataset.reveal);
    if (!input) continue;
    const show = (shown) => {
      input.type = shown ? "text" : "password";
      button.textContent = shown ? "Hide" : "Show";
      button.setAttribute("aria-pressed", String(shown));
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      show(input.type === "password");
      input.focus();
    });
    input.form?.addEventListener("submit", () => show(false));
  }

  // A code pasted as "471 902" is the same code.
  for (const input of all("[data-code]")) {
    input.addEventListener("input", () => {
      const digits = input.value.replace(/\D/g, "").slice(0, 6);
      if (digits !== input.value) input.value = digits;
    });
  }

  // One press sends a form once.
  for (const form of all("form:not([data-again])")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      form.querySelector("[type=submit]")?.setAttribute("aria-disabled", "true");
    });
  }
  // Coming back with the browser's Back finds the form as new.
  window.addEventListener("pageshow", () => {
    for (const form of all("form[data-sent]")) {
      delete form.dataset.sent;
      form.querySelector("[type=submit]")?.removeAttribute("aria-disabled");
    }
  });

  // Menus of the header close on Escape, and when something else is pressed or reached.
  const menus = [...all("details.menu")];
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus.filter((menu) => menu.open)) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  for (const kind of ["pointerdown", "focusin"]) {
    document.addEventListener(kind, (event) => {
      for (const menu of menus) {
        if (menu.open && !menu.contains(event.target)) menu.open = false;
      }
    });
  }

  // Attention goes to the first field that needs it, or else to what the last action did, so that it is read out.
  const wrong = document.querySelector("[aria-invalid=true], .field-wrong input");
  const target = wrong ?? (document.querySelector("[autofocus]") ? null : document.querySelector("[data-focus]"));
  target?.focus();
})();
