// A file of its own, because the content security policy allows no inline script.
SwaggerUIBundle({
  url: document.getElementById("docs").dataset.spec,
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
});
