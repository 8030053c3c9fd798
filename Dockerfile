# docs/deploy.md. No image has been built of this file yet: its commands run in tests/test_wheel.py, without a container.
FROM python:3.12-slim AS build
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:3.12-slim
# For an NVIDIA card: --build-arg TORCH=cu130, one of the folders of that index.
ARG TORCH=cpu
COPY --from=build /wheels /source/constraints.txt /wheels/
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt --extra-index-url https://download.pytorch.org/whl/$TORCH torch torchvision
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt "$(ls /wheels/*.whl)[app,postgres,engines]"
RUN useradd --create-home explorer && install --directory --owner explorer /results
USER explorer
ENV HRFORMER_RESULTS_URL=sqlite:////results/benchmarks.sqlite HRFORMER_CACHE=/results/weights STREAMLIT_SERVER_ADDRESS=0.0.0.0 STREAMLIT_SERVER_HEADLESS=true
VOLUME /results
EXPOSE 8501
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://localhost:8501/_stcore/health')"]
CMD ["hrformer-explorer"]
