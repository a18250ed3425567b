# JupyterLab with the lessons:
#   docker build --tag sgan .
#   docker run --rm --publish 127.0.0.1:8888:8888 --volume sgan:/home/learner/sgan/my_lessons sgan
# and open the address with the token that it prints. Your copies of the lessons stay in the volume.
FROM python:3.13-slim
# An index that has PyTorch's CPU build makes the image 5 GB smaller: --build-arg PIP_EXTRA_INDEX_URL=ADDRESS
ARG PIP_EXTRA_INDEX_URL
RUN useradd --create-home learner
USER learner
WORKDIR /home/learner/sgan
COPY --chown=learner . .
RUN python -m venv /home/learner/venv \
 && /home/learner/venv/bin/pip install --no-cache-dir -c constraints.txt -e '.[lessons]' \
 && mkdir my_lessons
ENV PATH="/home/learner/venv/bin:$PATH"
EXPOSE 8888
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8888/api', timeout=4)"]
CMD ["sgan", "lab", "--", "--ip=0.0.0.0", "--no-browser"]
