/* Reveals each "show password" button and lets it show and hide the password it names.
   Without this file the button stays hidden and the form works as it is. */
(function () {
  "use strict";

  function attach(button) {
    var field = document.getElementById(button.getAttribute("aria-controls"));
    if (!field) {
      return;
    }

    function say(shown) {
      field.type = shown ? "text" : "password";
      button.textContent = button.getAttribute(shown ? "data-hide" : "data-show");
      button.setAttribute("aria-label", button.getAttribute(shown ? "data-hide-label" : "data-show-label"));
    }

    button.addEventListener("click", function () {
      say(field.type === "password");
    });
    /* A password sent while it is readable would be offered to the browser's list of ordinary words. */
    field.form.addEventListener("submit", function () {
      say(false);
    });
    button.hidden = false;
  }

  Array.prototype.forEach.call(document.querySelectorAll("[data-show-label]"), attach);
})();
