"""The members that objects in conversations have in any maker's wire, and those in what says how they are answered:
what has another name is lost in translation.

Sources: the request types of the vendors' own clients, which a test walks; docs/portkey.md#earlier-reasoning,
docs/quirks.md for what clients of gateways write beside them.
"""

from __future__ import annotations

from typing import Final

_OPENAI: Final = """
    arguments audio content custom data detail file file_data file_id filename format function function_call id
    image_url input input_audio mode name prompt_cache_breakpoint refusal role text tool_call_id tool_calls ttl type
    url
"""
_CLIENTS: Final = """
    audio_url content_blocks extra_content file_name images mime_type provider_specific_fields
    reasoning reasoning_content reasoning_details thinking_blocks thought_signature video_url
"""
"""What clients of gateways and of compatible hosts add to OpenAI's messages."""
_ANTHROPIC: Final = """
    active cache_control caller citations cited_text context document_index document_title download_id enabled
    encrypted_content encrypted_index end_block_index end_char_index end_page_number error error_code error_message
    file_type is_error lines media_type new_lines new_start num_lines old_lines old_start oversized_image page_age
    path retrieved_at search_result_index signature size_bytes source start_block_index start_char_index start_line
    start_page_number state_changes tab_id tabs thinking title tool_id tool_name tool_references tool_use_id
    toolset_name total_lines transformations
"""
_RESPONSES: Final = """
    acknowledged_safety_checks action actions allowed_callers allowed_domains allowed_tools always annotations
    approval_request_id approve async attributes authorization background button bytes call_id caller_id categories
    city code command commands complexity connector_id container container_id country defer_loading definition
    description diff display_height display_width domain domain_secrets effort embedding_weight end_index env
    environment execution external_web_access file_ids file_url filters fingerprint frame_count frame_duration_ms
    headers hybrid_search index input_fidelity input_image_mask input_schema input_tokens key keys logprob logprobs
    logs max_num_results max_output_length memory_limit message model moderation moderation_details moderation_stage
    namespace network_policy never operation outcome output output_compression output_format output_schema
    output_tokens outputs param partial_images pending_safety_checks phase quality queries query ranker
    ranking_options read_only reason reasoning_tokens region require_approval result results revised_prompt schema
    score score_threshold scroll_x scroll_y search_content_types search_context_size server_description server_label
    server_url size skill_id skills sources start_index status stderr stdout strict summary svg svg_usage syntax
    text_weight timeout_ms timezone token tool_names tools top_logprobs total_tokens tunnel_id user user_location
    value vector_store_ids version working_directory x y
"""
GEMINI: Final = """
    args audioMetadata audioTranscription boolValue codeExecutionResult contentLayers displayName documentMetadata
    endOffset endPage executableCode fileData fileUri finished fps functionCall functionResponse inlineData jsonPath
    language languageCode level mediaProcessing mediaResolution mimeType nullValue numTokens numberValue
    partMetadata partialArgs parts response scheduling sheetIndex speaker speakerLabel speechMetadata
    spreadsheetMetadata startOffset startPage stringValue style thought thoughtSignature toolCall toolResponse
    toolType videoMetadata visibleCells willContinue word words
"""
_BEDROCK: Final = """
    bucketOwner cachePoint citationsContent document documentChar documentChunk documentIndex documentPage end
    guardContent image json location qualifiers reasoningContent reasoningText redactedContent s3Location
    searchResult searchResultIndex searchResultLocation serverName sourceContent start tool toolAddition toolRemoval
    toolResult toolUse toolUseId uri video web
"""
_COHERE: Final = "content_index tool_output tool_plan"
_HOW: Final = """
    any auto disable_parallel_tool_use json_schema toolChoice tool_choice verbosity
"""
"""How a conversation is answered: in which form, and with which tool."""

KNOWN: Final = frozenset(f"{_OPENAI} {_CLIENTS} {_ANTHROPIC} {_RESPONSES} {GEMINI} {_BEDROCK} {_COHERE} {_HOW}".split())
"""One list for all wires: clients send the parts of one wire in another."""
OPAQUE: Final = frozenset(
    """
    args arguments attributes content_blocks data definition env extra_content headers input input_schema json
    output_schema parameters provider_specific_fields reasoning_details response schema thinking_blocks tool_output
    tools
    """.split()
)
"""Members whose insides are the caller's own, or opaque to anyone but their maker."""
