/*
 * The provider table and the rules that find a row for a model's name. See
 * provider.h. Pure: reads no environment, owns nothing, cannot fail.
 *
 * Rows whose dialect wire/ speaks are served; the others (LATER) are known by
 * name so that a configuration with them loads and says what is left out.
 */
#include "config/provider.h"

#define BEARER AUTH_BEARER
#define KEYOPT PROVIDER_KEY_OPTIONAL
#define NOOPTS PROVIDER_NO_STREAM_OPTIONS
#define NEEDED PROVIDER_BASE_REQUIRED
#define ADD_V1 PROVIDER_BASE_V1
#define LATER  PROVIDER_LATER
#define REPLYS PROVIDER_RESPONSES
#define DEPLOY PROVIDER_AZURE
#define DATED  PROVIDER_VERSIONED
#define BARE   PROVIDER_BARE

/* clang-format off */
const struct provider provider_table[] = {
	/* The usual ones. */
	{ "openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL OPENAI_API_BASE", BEARER, REPLYS | BARE, "OpenAI" },
	{ "mistral", "openai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "MISTRAL_API_BASE", BEARER, NOOPTS | ADD_V1, "Mistral" },
	{ "anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_BASE ANTHROPIC_BASE_URL", AUTH_X_API_KEY, NOOPTS, "Anthropic" },
	{ "azure", "openai", "", "AZURE_API_KEY AZURE_OPENAI_API_KEY", "AZURE_API_BASE", AUTH_API_KEY, NEEDED | DEPLOY | DATED | REPLYS, "Azure OpenAI" },
	{ "azure_ai", "openai", "", "AZURE_AI_API_KEY", "AZURE_AI_API_BASE", AUTH_API_KEY, NEEDED | DATED, "Azure AI Foundry" },
	{ "bedrock", "bedrock", "", "AWS_BEARER_TOKEN_BEDROCK", "AWS_BEDROCK_RUNTIME_ENDPOINT", AUTH_SIGV4, NEEDED | NOOPTS, "AWS Bedrock" },
	{ "gemini", "openai", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY GOOGLE_API_KEY", "", BEARER, 0, "Google Gemini" },
	{ "groq", "openai", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "GROQ_API_BASE", BEARER, 0, "Groq" },
	{ "deepseek", "openai", "https://api.deepseek.com", "DEEPSEEK_API_KEY", "DEEPSEEK_API_BASE", BEARER, 0, "DeepSeek" },
	{ "openrouter", "openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY OR_API_KEY", "OPENROUTER_API_BASE", BEARER, 0, "OpenRouter" },
	{ "together_ai", "openai", "https://api.together.xyz/v1", "TOGETHER_API_KEY TOGETHER_AI_API_KEY TOGETHERAI_API_KEY TOGETHER_AI_TOKEN", "TOGETHER_AI_API_BASE", BEARER, 0, "Together AI" },
	{ "fireworks_ai", "openai", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY FIREWORKS_AI_API_KEY FIREWORKSAI_API_KEY FIREWORKS_AI_TOKEN", "FIREWORKS_API_BASE", BEARER, 0, "Fireworks AI" },
	{ "cerebras", "openai", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "CEREBRAS_API_BASE", BEARER, 0, "Cerebras" },
	{ "xai", "openai", "https://api.x.ai/v1", "XAI_API_KEY", "XAI_API_BASE", BEARER, 0, "xAI" },
	{ "nvidia_nim", "openai", "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY", "NVIDIA_NIM_API_BASE", BEARER, 0, "NVIDIA NIM" },
	{ "perplexity", "openai", "https://api.perplexity.ai", "PERPLEXITYAI_API_KEY PERPLEXITY_API_KEY", "PERPLEXITY_API_BASE", BEARER, 0, "Perplexity" },
	{ "sambanova", "openai", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY", "SAMBANOVA_API_BASE", BEARER, 0, "SambaNova" },
	{ "cohere", "openai", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY CO_API_KEY", "", BEARER, 0, "Cohere" },
	{ "cohere_chat", "openai", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY CO_API_KEY", "", BEARER, 0, "Cohere" },
	{ "huggingface", "openai", "https://router.huggingface.co/v1", "HF_TOKEN HUGGINGFACE_API_KEY", "HF_API_BASE HUGGINGFACE_API_BASE", BEARER, 0, "Hugging Face" },
	{ "ai21", "openai", "https://api.ai21.com/studio/v1", "AI21_API_KEY", "AI21_API_BASE", BEARER, 0, "AI21" },
	{ "ai21_chat", "openai", "https://api.ai21.com/studio/v1", "AI21_API_KEY", "AI21_API_BASE", BEARER, 0, "AI21" },
	{ "codestral", "openai", "https://codestral.mistral.ai/v1", "CODESTRAL_API_KEY", "CODESTRAL_API_BASE", BEARER, NOOPTS, "Codestral" },
	{ "deepinfra", "openai", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY", "DEEPINFRA_API_BASE", BEARER, 0, "DeepInfra" },
	{ "novita", "openai", "https://api.novita.ai/v3/openai", "NOVITA_API_KEY", "NOVITA_API_BASE", BEARER, 0, "Novita" },
	{ "hyperbolic", "openai", "https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY", "HYPERBOLIC_API_BASE", BEARER, 0, "Hyperbolic" },
	{ "volcengine", "openai", "https://ark.cn-beijing.volces.com/api/v3", "VOLCENGINE_API_KEY ARK_API_KEY", "VOLCENGINE_API_BASE ARK_API_BASE", BEARER, 0, "Volcengine" },
	{ "moonshot", "openai", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", "MOONSHOT_API_BASE", BEARER, 0, "Moonshot" },
	{ "dashscope", "openai", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", "DASHSCOPE_API_BASE", BEARER, 0, "DashScope" },
	{ "zai", "openai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", "ZAI_API_BASE", BEARER, 0, "Z.AI" },
	{ "zhipu", "openai", "https://open.bigmodel.cn/api/paas/v4", "ZHIPUAI_API_KEY ZHIPU_API_KEY", "", BEARER, 0, "Zhipu" },
	{ "github", "openai", "https://models.inference.ai.azure.com", "GITHUB_API_KEY", "GITHUB_API_BASE", BEARER, 0, "GitHub Models" },
	{ "cloudflare", "openai", "", "CLOUDFLARE_API_KEY CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_BASE", BEARER, NEEDED, "Cloudflare Workers AI" },
	{ "databricks", "openai", "", "DATABRICKS_API_KEY", "DATABRICKS_API_BASE", BEARER, NEEDED, "Databricks" },
	{ "meta_llama", "openai", "https://api.llama.com/compat/v1", "LLAMA_API_KEY", "LLAMA_API_BASE", BEARER, 0, "Meta Llama" },
	{ "nebius", "openai", "https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY", "NEBIUS_API_BASE", BEARER, 0, "Nebius" },
	{ "nscale", "openai", "https://inference.api.nscale.com/v1", "NSCALE_API_KEY", "NSCALE_API_BASE", BEARER, 0, "Nscale" },
	{ "friendliai", "openai", "https://api.friendli.ai/serverless/v1", "FRIENDLIAI_API_KEY FRIENDLI_TOKEN", "FRIENDLI_API_BASE", BEARER, 0, "FriendliAI" },
	{ "featherless_ai", "openai", "https://api.featherless.ai/v1", "FEATHERLESS_AI_API_KEY", "FEATHERLESS_AI_API_BASE", BEARER, 0, "Featherless AI" },
	{ "galadriel", "openai", "https://api.galadriel.com/v1", "GALADRIEL_API_KEY", "GALADRIEL_API_BASE", BEARER, 0, "Galadriel" },
	{ "empower", "openai", "https://app.empower.dev/api/v1", "EMPOWER_API_KEY", "EMPOWER_API_BASE", BEARER, 0, "Empower" },
	{ "anyscale", "openai", "https://api.endpoints.anyscale.com/v1", "ANYSCALE_API_KEY", "ANYSCALE_API_BASE", BEARER, 0, "Anyscale" },
	{ "jina_ai", "openai", "https://api.jina.ai/v1", "JINA_AI_API_KEY JINA_AI_TOKEN", "JINA_AI_API_BASE", BEARER, 0, "Jina AI" },

	/* Servers of one's own: a key is not always wanted. */
	{ "hosted_vllm", "openai", "", "HOSTED_VLLM_API_KEY", "HOSTED_VLLM_API_BASE", BEARER, KEYOPT | NEEDED, "vLLM" },
	{ "vllm", "openai", "", "HOSTED_VLLM_API_KEY", "HOSTED_VLLM_API_BASE", BEARER, KEYOPT | NEEDED, "vLLM" },
	{ "ollama", "openai", "http://localhost:11434/v1", "OLLAMA_API_KEY", "OLLAMA_API_BASE", BEARER, KEYOPT | ADD_V1, "Ollama" },
	{ "ollama_chat", "openai", "http://localhost:11434/v1", "OLLAMA_API_KEY", "OLLAMA_API_BASE", BEARER, KEYOPT | ADD_V1, "Ollama" },
	{ "lm_studio", "openai", "http://localhost:1234/v1", "LM_STUDIO_API_KEY", "LM_STUDIO_API_BASE", BEARER, KEYOPT, "LM Studio" },
	{ "llamafile", "openai", "http://127.0.0.1:8080/v1", "LLAMAFILE_API_KEY", "LLAMAFILE_API_BASE", BEARER, KEYOPT, "llamafile" },
	{ "xinference", "openai", "http://127.0.0.1:9997/v1", "XINFERENCE_API_KEY", "XINFERENCE_API_BASE", BEARER, KEYOPT, "Xinference" },
	{ "litellm_proxy", "openai", "", "LITELLM_PROXY_API_KEY", "LITELLM_PROXY_API_BASE", BEARER, KEYOPT | NEEDED, "LiteLLM proxy" },
	{ "custom_openai", "openai", "", "OPENAI_API_KEY", "", BEARER, KEYOPT | NEEDED, "OpenAI-compatible server" },
	{ "openai_like", "openai", "", "OPENAI_LIKE_API_KEY", "OPENAI_LIKE_API_BASE", BEARER, KEYOPT | NEEDED, "OpenAI-compatible server" },
	{ "text-completion-openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL OPENAI_API_BASE", BEARER, 0, "OpenAI completions" },

	/* Known by name; their dialects are not served yet. */
	{ "sagemaker", "sagemaker", "", "", "", AUTH_SIGV4, NEEDED | LATER, "AWS SageMaker" },
	{ "sagemaker_chat", "sagemaker", "", "", "", AUTH_SIGV4, NEEDED | LATER, "AWS SageMaker" },
	{ "vertex_ai", "vertex_ai", "", "", "", BEARER, NEEDED | LATER, "Google Vertex AI" },
	{ "vertex_ai_beta", "vertex_ai", "", "", "", BEARER, NEEDED | LATER, "Google Vertex AI" },
	{ "azure_text", "openai", "", "AZURE_API_KEY AZURE_OPENAI_API_KEY", "AZURE_API_BASE", AUTH_API_KEY, NEEDED | DEPLOY | DATED, "Azure OpenAI completions" },
	{ "anthropic_text", "anthropic_text", "https://api.anthropic.com", "ANTHROPIC_API_KEY", "ANTHROPIC_API_BASE", AUTH_X_API_KEY, LATER, "Anthropic completions" },
	{ "replicate", "replicate", "https://api.replicate.com/v1", "REPLICATE_API_KEY REPLICATE_API_TOKEN", "", BEARER, LATER, "Replicate" },
	{ "watsonx", "watsonx", "", "WATSONX_API_KEY WATSONX_APIKEY", "WATSONX_URL WATSONX_API_BASE", BEARER, NEEDED | LATER, "IBM watsonx" },
	{ "snowflake", "snowflake", "", "SNOWFLAKE_JWT", "SNOWFLAKE_API_BASE", BEARER, NEEDED | LATER, "Snowflake" },
	{ "oci", "oci", "", "", "", BEARER, NEEDED | LATER, "Oracle Cloud" },
	{ "predibase", "predibase", "https://serving.app.predibase.com", "PREDIBASE_API_KEY", "", BEARER, LATER, "Predibase" },
	{ "triton", "triton", "", "", "", BEARER, NEEDED | LATER, "Triton" },
	{ "baseten", "baseten", "", "BASETEN_API_KEY", "", BEARER, NEEDED | LATER, "Baseten" },
	{ "nlp_cloud", "nlp_cloud", "https://api.nlpcloud.io/v1", "NLP_CLOUD_API_KEY", "", BEARER, LATER, "NLP Cloud" },
	{ "aleph_alpha", "aleph_alpha", "https://api.aleph-alpha.com", "ALEPH_ALPHA_API_KEY", "", BEARER, LATER, "Aleph Alpha" },
	{ "maritalk", "maritalk", "https://chat.maritaca.ai/api", "MARITALK_API_KEY", "", BEARER, LATER, "Maritalk" },
	{ "clarifai", "clarifai", "https://api.clarifai.com", "CLARIFAI_API_KEY", "", BEARER, LATER, "Clarifai" },
	{ "voyage", "voyage", "https://api.voyageai.com/v1", "VOYAGE_API_KEY", "", BEARER, LATER, "Voyage" },
	{ "infinity", "infinity", "", "INFINITY_API_KEY", "", BEARER, NEEDED | LATER, "Infinity" },
	{ "deepgram", "deepgram", "https://api.deepgram.com/v1", "DEEPGRAM_API_KEY", "", BEARER, LATER, "Deepgram" },
	{ "text-completion-codestral", "codestral_fim", "https://codestral.mistral.ai/v1", "CODESTRAL_API_KEY", "", BEARER, LATER, "Codestral FIM" },
	{ "github_copilot", "github_copilot", "https://api.githubcopilot.com", "", "", BEARER, LATER, "GitHub Copilot" },
};
/* clang-format on */

const size_t provider_count = ARRAY_LEN(provider_table);

const struct provider *
provider_find(struct str prefix)
{
	for (size_t i = 0; i < provider_count; i++) {
		if (str_is(prefix, provider_table[i].prefix))
			return &provider_table[i];
	}
	return NULL;
}

/* "https://user@host:443/path" → "host"; empty when it is no URL. */
static struct str
host_of(struct str url)
{
	ptrdiff_t at = str_find(url, "://");
	struct str authority, host;

	if (at < 0)
		return str_make("", 0);
	url.p += at + 3;
	url.n -= (size_t)at + 3;
	authority = str_cut(&url, '/');
	for (host = authority; (at = str_find(host, "@")) >= 0;) {
		host.p += at + 1;
		host.n -= (size_t)at + 1;
	}
	if (host.n > 0 && host.p[0] == '[')
		return str_cut(&host, ']'); /* "[::1": never one of ours */
	return str_cut(&host, ':');
}

/* The provider whose own host this address names: not one of the local
   defaults, which say nothing about what listens there. */
static const struct provider *
by_host(struct str api_base)
{
	struct str host = host_of(api_base);

	if (host.n == 0)
		return NULL;
	for (size_t i = 0; i < provider_count; i++) {
		const struct provider *p = &provider_table[i];

		if ((p->flags & PROVIDER_KEY_OPTIONAL) == 0 &&
		    str_eq(host_of(str_of(p->base_url)), host))
			return p;
	}
	return NULL;
}

/* Names that need no prefix. */
static const struct provider *
by_bare_name(struct str model)
{
	static const struct {
		const char *start;
		const char *prefix;
	} rows[] = {
		{ "gpt-", "openai" },
		{ "chatgpt-", "openai" },
		{ "ft:gpt-", "openai" },
		{ "o1", "openai" },
		{ "o3", "openai" },
		{ "o4", "openai" },
		{ "text-embedding-", "openai" },
		{ "dall-e", "openai" },
		{ "whisper-", "openai" },
		{ "tts-", "openai" },
		{ "omni-moderation", "openai" },
		{ "text-moderation", "openai" },
		{ "claude-", "anthropic" },
		{ "anthropic.claude-", "bedrock" },
		{ "us.anthropic.", "bedrock" },
		{ "eu.anthropic.", "bedrock" },
		{ "apac.anthropic.", "bedrock" },
		{ "global.anthropic.", "bedrock" },
		{ "amazon.nova-", "bedrock" },
		{ "us.amazon.nova-", "bedrock" },
		{ "eu.amazon.nova-", "bedrock" },
		{ "mistral-", "mistral" },
		{ "ministral-", "mistral" },
		{ "magistral-", "mistral" },
		{ "open-mistral-", "mistral" },
		{ "open-mixtral-", "mistral" },
		{ "codestral-", "mistral" },
		{ "pixtral-", "mistral" },
		{ "gemini-", "gemini" },
	};

	if (str_is(model, "*"))
		return provider_find(str_of("openai"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_starts(model, rows[i].start))
			return provider_find(str_of(rows[i].prefix));
	}
	return NULL;
}

const struct provider *
provider_resolve(struct str model, struct str api_base,
    struct str custom_provider, struct str *name_r)
{
	struct str rest = model, head = str_cut(&rest, '/');
	bool has_slash = rest.p != NULL;
	const struct provider *p;

	if (custom_provider.n > 0) {
		p = provider_find(custom_provider);
		if (p != NULL)
			*name_r = has_slash && str_eq(head, custom_provider)
				      ? rest
				      : model;
		return p;
	}
	p = has_slash ? provider_find(head) : NULL;
	if (p != NULL) {
		*name_r = rest;
		return p;
	}
	p = by_host(api_base);
	if (p == NULL && !has_slash)
		p = by_bare_name(model);
	if (p == NULL && api_base.n > 0)
		p = provider_find(str_of("openai"));
	if (p != NULL)
		*name_r = model;
	return p;
}
