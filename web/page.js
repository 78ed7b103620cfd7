import { fetchModels } from "../sdk/index.js";

const models = await fetchModels(document.baseURI);
document.getElementById("languages").textContent = Object.keys(models.languages).join(", ");
