"use strict";

// No validator badge: it would ask a server on the internet.
SwaggerUIBundle({
  dom_id: "#docs",
  url: "v1/openapi.json",
  validatorUrl: null,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
});
