/** The script of /docs: Swagger UI on the server's own document, in the colours that the browser asks for. */

interface SwaggerUi {
  preauthorizeApiKey(scheme: string, token: string): void;
}

interface SwaggerResponse {
  readonly url: string;
  readonly ok: boolean;
  readonly obj?: { readonly token?: unknown };
}

/** Of swagger-ui-bundle.js, which is loaded before this. */
declare const SwaggerUIBundle: ((options: object) => SwaggerUi) & { readonly presets: { readonly apis: unknown } };

const ui = SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  filter: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  displayOperationId: true,
  defaultModelsExpandDepth: 0,
  docExpansion: 'list',
  // A token that is kept would be there for whoever sits here next.
  persistAuthorization: false,
  // It would send the document to a server of Swagger's.
  validatorUrl: null,
  responseInterceptor: (response: SwaggerResponse) => {
    authorizeWith(response);
    return response;
  },
});

/** Whoever logs in on this page need not paste the token. */
function authorizeWith({ url, ok, obj }: SwaggerResponse): void {
  if (!ok || !/\/auth\/(?:login|register|refresh)$/.test(url) || typeof obj?.token !== 'string') return;
  ui.preauthorizeApiKey('bearer', obj.token);
}

const dark = matchMedia('(prefers-color-scheme: dark)');
const showColors = (): void => void document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', showColors);
showColors();
