// Passkeys: hands the browser the options that the page carries, and sends its answer with the form. Three kinds of form:
// "get" proves a passkey when its button is pressed, "create" makes one, "autofill" offers it in the sign-in field. Where one can be made, the device also learns which of
// the person's it holds are still in force, so that it offers none that was removed (WebAuthn 5.1.10).
(() => {
  const forms = [...document.querySelectorAll("form[data-passkey]")];
  const isThere = window.PublicKeyCredential
    && PublicKeyCredential.parseRequestOptionsFromJSON && PublicKeyCredential.prototype.toJSON;
  const shown = document.querySelectorAll("[data-passkey-only]");
  if (!isThere) return;
  shown.forEach((each) => { each.hidden = false; });

  const ask = (form, more = {}) => {
    const options = JSON.parse(form.dataset.options);
    return form.dataset.passkey === "create"
      ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options), ...more })
      : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options), ...more });
  };
  const send = (form, credential) => {
    form.elements.answer.value = JSON.stringify(credential.toJSON());
    form.submit();
  };

  const waiting = new AbortController();
  forms.forEach((form) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      waiting.abort();
      try {
        send(form, await ask(form));
      } catch {
        // The person changed their mind, or the device said no: the page stays as it is, with its other ways.
        const said = form.querySelector("[data-passkey-failed]");
        if (said) said.hidden = false;
      }
    });
  });

  const create = forms.find((form) => form.dataset.passkey === "create");
  if (create && PublicKeyCredential.signalAllAcceptedCredentials) {
    const { rp, user, excludeCredentials = [] } = JSON.parse(create.dataset.options);
    const allAcceptedCredentialIds = excludeCredentials.map((each) => each.id);
    // Nobody waits for it: a device that cannot be told offers a passkey that opens nothing.
    PublicKeyCredential.signalAllAcceptedCredentials({ rpId: rp.id, userId: user.id, allAcceptedCredentialIds }).catch(() => {});
  }

  const autofill = forms.find((form) => form.dataset.passkey === "autofill");
  if (autofill && PublicKeyCredential.isConditionalMediationAvailable) {
    PublicKeyCredential.isConditionalMediationAvailable().then(async (isOffered) => {
      if (!isOffered) return;
      try {
        send(autofill, await ask(autofill, { mediation: "conditional", signal: waiting.signal }));
      } catch {
        // Another way to sign in was taken.
      }
    });
  }
})();
