"""OpenAI-compatible hosts whose address names the caller's account, workspace or endpoint, alphabetical by slug.

A pattern keeps every such value inside the vendor's domain; a value that may name any host says so (``names_host``).
"""

from __future__ import annotations

from typing import Final

from penstock.core.operation import Operation
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.dialects.openai.relay.assistant_extras import blocks_as_content
from penstock.providers.row import (
    HTTPS_URL,
    EndpointSpec,
    Option,
    Provider,
    chat_and_models,
    chat_only,
    messages_at,
)

ROWS: Final = (
    Provider(
        "cortex",
        "Snowflake Cortex",
        "https://{snowflake_account}.snowflakecomputing.com/api/v2",
        "https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-rest-api",
        {Operation.CHAT: (EndpointSpec("/cortex/v1/chat/completions"),)},
        env=("SNOWFLAKE_CORTEX_PAT", "SNOWFLAKE_PAT"),
        options=(
            Option(
                "snowflake_account",
                "snowflake-account",
                required=True,
                pattern=r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*",
                names_account=True,
                # https://docs.snowflake.com/en/developer-guide/snowflake-cli/connecting/configure-connections
                env=("SNOWFLAKE_ACCOUNT",),
            ),
        ),
        notes="The key is a programmatic access token or a JWT.",
        quirks=ChatQuirks(completes_replies=True, leaves_reason_out=True),
    ),
    Provider(
        "databricks",
        "Databricks",
        "https://{databricks_host}/serving-endpoints",
        "https://docs.databricks.com/aws/en/machine-learning/foundation-models/",
        chat_only(
            # https://docs.databricks.com/aws/en/machine-learning/model-serving/query-embedding-models
            Operation.EMBEDDINGS,
            # https://docs.databricks.com/aws/en/machine-learning/model-serving/query-anthropic-messages
            messages=messages_at("/anthropic/v1/messages", models=("claude",)),
        ),
        env=("DATABRICKS_TOKEN",),
        options=(
            Option(
                "databricks_host",
                "databricks-host",
                required=True,
                pattern=r"([A-Za-z0-9-]{1,63}\.)+(databricks\.com|azuredatabricks\.net)",
                names_account=True,
                # https://docs.databricks.com/aws/en/dev-tools/auth/env-vars
                env=("DATABRICKS_HOST",),
            ),
        ),
        quirks=ChatQuirks(adapts_request=blocks_as_content, completes_replies=True),
    ),
    Provider(
        "huggingface",
        "Hugging Face",
        "{huggingface_base_url}/v1",
        "https://huggingface.co/docs/inference-providers",
        chat_and_models(),
        env=("HF_TOKEN",),
        options=(
            Option(
                "huggingface_base_url",
                "huggingface-base-url",
                pattern=HTTPS_URL,
                default="https://router.huggingface.co",
                names_host=True,
            ),
        ),
        notes="Inference Providers; the base URL of a dedicated endpoint goes in huggingface-base-url, without /v1.",
        quirks=ChatQuirks(completes_replies=True),
    ),
    Provider(
        "predibase",
        "Predibase",
        "https://serving.app.predibase.com",
        "https://docs.predibase.com",
        {Operation.CHAT: (EndpointSpec("/{predibase_tenant_id}/deployments/v2/llms/{model}/v1/chat/completions"),)},
        env=("PREDIBASE_API_TOKEN", "PREDIBASE_API_KEY"),
        options=(Option("predibase_tenant_id", "predibase-tenant-id", required=True, pattern="[A-Za-z0-9_-]+"),),
        notes="Portkey reads the tenant from the body's user and an adapter from model:adapter; here neither is.",
    ),
    Provider(
        "workers-ai",
        "Cloudflare Workers AI",
        "https://api.cloudflare.com/client/v4/accounts/{workers_ai_account_id}/ai/v1",
        "https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility",
        chat_only(Operation.EMBEDDINGS),
        env=("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"),
        options=(
            Option("workers_ai_account_id", "workers-ai-account-id", required=True, pattern="[A-Za-z0-9_-]{1,64}"),
        ),
        quirks=ChatQuirks(completes_replies=True),
    ),
)
