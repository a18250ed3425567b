# JupyterLab with the lessons:
#   docker build --tag sgan .
#   docker run --rm --publish 127.0.0.1:8888:8888 --volume sgan:/home/learner/sgan/my_lessons sgan
# and open the address with the token that it prints. Your copies of the lessons stay in the volume.
FROM python:3.13-slim
# An index that has PyTorch's CPU build makes the image 5 GB smaller: --build-arg PIP_EXTRA_INDEX_URL=ADDRESS
ARG PIP_EXTRA_INDEX_URL
RUN useradd --create-home --uid 1000 learner
USER 1000
WORKDIR /home/learner/sgan
COPY --chown=1000 . .
RUN python -m venv /home/learner/venv \
 && /home/learner/venv/bin/pip install --no-cache-dir -c constraints.txt -e '.[lessons]' \
 && mkdir my_lessons
ENV PATH="/home/learner/venv/bin:$PATH"
EXPOSE 8888
# Without urllib, which would ask a proxy of the environment.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-c", "\
import http.client, sys; lab = http.client.HTTPConnection('127.0.0.1', 8888, timeout=5); \
lab.request('GET', '/api'); sys.exit(lab.getresponse().status != 200)"]
CMD ["sgan", "lab", "--", "--ip=0.0.0.0", "--no-browser"]
