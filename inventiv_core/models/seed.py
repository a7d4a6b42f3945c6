"""Well-known models: public name, name, GPU memory in GB, context in tokens, disk in GB."""

MODELS = (
    ("meta-llama/Meta-Llama-3-8B-Instruct", "Meta Llama 3 8B Instruct", 16, 8192, 200),
    ("meta-llama/Meta-Llama-3-70B-Instruct", "Meta Llama 3 70B Instruct", 160, 8192, 1000),
    ("meta-llama/Llama-3.1-8B-Instruct", "Llama 3.1 8B Instruct", 16, 131072, 200),
    ("meta-llama/Llama-3.1-70B-Instruct", "Llama 3.1 70B Instruct", 160, 131072, 1200),
    ("mistralai/Mistral-7B-Instruct-v0.2", "Mistral 7B Instruct v0.2", 16, 32768, 200),
    ("mistralai/Mixtral-8x7B-Instruct-v0.1", "Mixtral 8x7B Instruct", 48, 32768, 400),
    ("mistralai/Mixtral-8x22B-Instruct-v0.1", "Mixtral 8x22B Instruct", 96, 65536, 800),
    ("mock-echo-model", "Mock Echo Model", 0, 2048, 0),
    ("Qwen/Qwen2.5-0.5B-Instruct", "Qwen 2.5 0.5B Instruct", 2, 2048, 50),
    ("Qwen/Qwen2.5-7B-Instruct", "Qwen 2.5 7B Instruct", 16, 32768, 200),
    ("Qwen/Qwen2.5-14B-Instruct", "Qwen 2.5 14B Instruct", 28, 32768, 300),
    ("Qwen/Qwen2.5-32B-Instruct", "Qwen 2.5 32B Instruct", 64, 32768, 500),
    ("Qwen/Qwen2.5-72B-Instruct", "Qwen 2.5 72B Instruct", 160, 32768, 1200),
    ("google/gemma-2-9b-it", "Gemma 2 9B IT", 20, 8192, 200),
    ("google/gemma-2-27b-it", "Gemma 2 27B IT", 48, 8192, 500),
    ("microsoft/Phi-3-mini-4k-instruct", "Phi-3 Mini 4K Instruct", 8, 4096, 80),
    ("microsoft/Phi-3-medium-4k-instruct", "Phi-3 Medium 4K Instruct", 28, 4096, 200),
)
